/** A small seeded generator (splitmix32 seeding sfc32, both public domain), and choices made with it. */
export interface Prng {
  /** 32 random bits. */
  u32(): number
  /** 0 <= n < below */
  int(below: number): number
  /** 0 <= x < 1 */
  fraction(): number
  chance(probability: number): boolean
  pick<T>(from: readonly T[]): T
  /** An independent generator, determined by this one's seed and the label. */
  fork(label: string): Prng
}

export function createPrng(seed: number, label = ''): Prng {
  let mix = seed >>> 0
  for (const char of label) mix = Math.imul(mix ^ char.charCodeAt(0), 0x01000193) >>> 0
  const origin = mix
  const next = () => {
    mix = (mix + 0x9e3779b9) | 0
    let t = mix ^ (mix >>> 16)
    t = Math.imul(t, 0x21f0aaad)
    t ^= t >>> 15
    t = Math.imul(t, 0x735a2d97)
    return (t ^ (t >>> 15)) >>> 0
  }
  let a = next()
  let b = next()
  let c = next()
  let counter = 1
  const u32 = () => {
    const t = (a + b + counter++) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + t
    return t >>> 0
  }
  const fraction = () => u32() / 0x1_0000_0000
  return {
    u32,
    fraction,
    int: (below) => Math.floor(fraction() * below),
    chance: (probability) => fraction() < probability,
    pick: (from) => from[Math.floor(fraction() * from.length)]!,
    fork: (name) => createPrng(origin, `/${name}`),
  }
}
