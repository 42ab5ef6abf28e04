/* SPDX-License-Identifier: MIT */
/* The table is made for each call: little beside the pieces that come. */
#include "initrd/crc32.h"

#define POLYNOMIAL 0xedb88320u

uint32_t crc32_add(uint32_t crc, const void *p, size_t n)
{
	const uint8_t *at = p;
	uint32_t table[256];

	for (uint32_t i = 0; i < 256; i++) {
		uint32_t v = i;

		for (int bit = 0; bit < 8; bit++)
			v = v & 1 ? v >> 1 ^ POLYNOMIAL : v >> 1;
		table[i] = v;
	}
	crc = ~crc;
	for (size_t i = 0; i < n; i++)
		crc = crc >> 8 ^ table[(crc ^ at[i]) & 0xff];
	return ~crc;
}
