// The slot of a key in a cluster.

const slots = 16_384;
/** By hash tag. There are few of those: one for each shard and each space of claimed keys. */
const known = new Map<string, number>();

/** The slot of a key with a hash tag: what stands in its first braces decides (CRC-16/XMODEM, as Redis has it). */
export function slotOf(key: string): number {
  const open = key.indexOf("{");
  const close = key.indexOf("}", open + 1);
  if (open < 0 || close <= open + 1) return crc16(key) % slots;
  const tag = key.slice(open + 1, close);
  let slot = known.get(tag);
  if (slot === undefined) {
    slot = crc16(tag) % slots;
    known.set(tag, slot);
  }
  return slot;
}

function crc16(text: string): number {
  let crc = 0;
  for (const byte of new TextEncoder().encode(text)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++)
      crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc;
}
