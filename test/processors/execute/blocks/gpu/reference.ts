/** The kernels in plain 64-bit code, written for clarity: what every backend is compared with. */

export type Rows = readonly (readonly number[])[]

export const references = {
  matmul: (a: Rows, b: Rows): number[][] =>
    a.map((row) => b[0]!.map((_, column) => row.reduce((sum, value, i) => sum + value * b[i]![column]!, 0))),

  conv2d(
    image: readonly Rows[],
    filter: readonly (readonly Rows[])[],
    padding: 'same' | 'valid',
    stride: number,
  ): number[][][] {
    const [height, width] = [image[0]!.length, image[0]![0]!.length]
    const [tall, wide] = [filter[0]![0]!.length, filter[0]![0]![0]!.length]
    const same = (size: number, part: number) => {
      const out = Math.ceil(size / stride)
      return { out, before: Math.floor(Math.max(0, (out - 1) * stride + part - size) / 2) }
    }
    const valid = (size: number, part: number) => ({ out: Math.floor((size - part) / stride) + 1, before: 0 })
    const down = (padding === 'same' ? same : valid)(height, tall)
    const across = (padding === 'same' ? same : valid)(width, wide)
    return filter.map((channels) =>
      grid(down.out, across.out, (y, x) => {
        let sum = 0
        for (const [c, weights] of channels.entries()) {
          for (let j = 0; j < tall; j++) {
            for (let i = 0; i < wide; i++) {
              sum += (image[c]![y * stride + j - down.before]?.[x * stride + i - across.before] ?? 0) * weights[j]![i]!
            }
          }
        }
        return sum
      }),
    )
  },

  cosines: (query: readonly number[], matrix: Rows): number[] =>
    matrix.map((row) => {
      const norms = Math.hypot(...row) * Math.hypot(...query)
      return norms === 0 ? 0 : row.reduce((sum, value, i) => sum + value * query[i]!, 0) / norms
    }),

  distances: (points: Rows, centroids: Rows): number[][] =>
    points.map((point) => centroids.map((centroid) => Math.hypot(...point.map((value, i) => value - centroid[i]!)))),

  softmax(row: readonly number[]): number[] {
    const most = Math.max(...row)
    const powers = row.map((value) => Math.exp(value - most))
    const sum = powers.reduce((a, b) => a + b)
    return powers.map((power) => power / sum)
  },

  resize(image: Rows, height: number, width: number, method: 'bilinear' | 'nearest'): number[][] {
    const [from, across] = [image.length, image[0]!.length]
    return grid(height, width, (row, column) => {
      const y = ((row + 0.5) * from) / height
      const x = ((column + 0.5) * across) / width
      if (method === 'nearest') return image[Math.min(Math.floor(y), from - 1)]![Math.min(Math.floor(x), across - 1)]!
      const [v, u] = [clamp(y - 0.5, from), clamp(x - 0.5, across)]
      const at = (j: number, i: number): number => image[clamp(j, from)]![clamp(i, across)]!
      const [y0, x0] = [Math.floor(v), Math.floor(u)]
      const [dy, dx] = [v - y0, u - x0]
      const above = at(y0, x0) * (1 - dx) + at(y0, x0 + 1) * dx
      const below = at(y0 + 1, x0) * (1 - dx) + at(y0 + 1, x0 + 1) * dx
      return above * (1 - dy) + below * dy
    })
  },

  filter(image: Rows, weights: Rows): number[][] {
    const [above, before] = [Math.floor((weights.length - 1) / 2), Math.floor((weights[0]!.length - 1) / 2)]
    return grid(image.length, image[0]!.length, (y, x) => {
      let sum = 0
      for (const [j, row] of weights.entries()) {
        for (const [i, weight] of row.entries()) {
          sum += image[clamp(y + j - above, image.length)]![clamp(x + i - before, image[0]!.length)]! * weight
        }
      }
      return sum
    })
  },
}

export function grid<T>(height: number, width: number, at: (y: number, x: number) => T): T[][] {
  return Array.from({ length: height }, (_, y) => Array.from({ length: width }, (_, x) => at(y, x)))
}

function clamp(index: number, length: number): number {
  return Math.min(Math.max(index, 0), length - 1)
}

/** The same numbers on every machine, from -1 to 1. */
export function numbers(seed = 1): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.fround(state / 2 ** 31 - 1)
  }
}
