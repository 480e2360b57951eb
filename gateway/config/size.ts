const UNITS = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const
const SIZE = /^(\d{1,9}(?:\.\d{1,3})?)(B|KiB|MiB|GiB|TiB)$/

/** Bytes of a size such as `512B`, `64KiB`, `16MiB` or `1.5GiB`; `null` if it is none. */
export function parseSize(text: string): number | null {
  const parts = SIZE.exec(text.trim())
  return parts === null ? null : Math.round(Number(parts[1]) * UNITS[parts[2] as keyof typeof UNITS])
}
