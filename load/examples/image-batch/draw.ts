/** Pictures that need no photographer. The same ones on every machine. */
import type { Picture } from './blocks/png.ts'

export interface Scene {
  readonly name: string
  readonly scene: 'rings' | 'dunes' | 'checks'
  readonly seed: number
  readonly width: number
  readonly height: number
}

type Colour = readonly [red: number, green: number, blue: number]

const PAINTERS: { readonly [S in Scene['scene']]: (x: number, y: number, seed: number) => Colour } = {
  rings: (x, y, seed) => {
    const wave = 0.5 + 0.5 * Math.cos(Math.hypot(x - 0.5, y - 0.4) * (20 + 5 * seed))
    return [wave, 0.3 + 0.5 * x, 1 - wave * y]
  },
  dunes: (x, y, seed) => {
    const crest = y + 0.08 * Math.sin(x * 9 + seed) + 0.04 * Math.sin(x * 23 - seed)
    const shade = (crest * 6) % 1
    return [0.95 - 0.4 * shade, 0.8 - 0.45 * shade, 0.5 - 0.3 * shade]
  },
  checks: (x, y, seed) => {
    const dark = (Math.floor(x * (6 + seed)) + Math.floor(y * (6 + seed))) % 2
    return [dark * 0.8 + 0.1, 0.2 + 0.6 * y, 0.9 - dark * 0.7]
  },
}

export function draw({ scene, seed, width, height }: Scene): Picture {
  const pixels = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const colour = PAINTERS[scene](x / width, y / height, seed)
      pixels.set(
        colour.map((part) => Math.round(Math.min(1, Math.max(0, part)) * 255)),
        (y * width + x) * 3,
      )
    }
  }
  return { height, width, channels: 3, pixels }
}
