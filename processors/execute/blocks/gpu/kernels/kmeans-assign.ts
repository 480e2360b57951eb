import { encodeTensor, mismatch, tensorOfRank } from '../tensor.ts'
import { checkCost, cut, joined, type KernelDef, type Program } from './kernel-def.ts'

interface Item {
  readonly points: Float32Array
  readonly centroids: Float32Array
  readonly count: number
  readonly clusters: number
  readonly dimensions: number
}

interface Result {
  readonly labels: Float32Array
  readonly distances: Float32Array
}

const TYPES = ['Array', 'Array', 'Float', 'Float', 'Float', 'Float'] as const
const ITEM = 'const item = Math.min(Math.floor((this.thread.x + 0.5) / count), items - 1);'

const NEAREST: Program = {
  name: 'kmeans-assign/nearest',
  types: TYPES,
  source: `function (points, centroids, count, clusters, dimensions, items) {
    ${ITEM}
    const point = this.thread.x * dimensions;
    let best = 0;
    let least = 0;
    for (let c = 0; c < clusters; c++) {
      let distance = 0;
      for (let i = 0; i < dimensions; i++) {
        const d = points[point + i] - centroids[(item * clusters + c) * dimensions + i];
        distance += d * d;
      }
      if (c === 0 || distance < least) {
        least = distance;
        best = c;
      }
    }
    return best;
  }`,
}
const DISTANCE: Program = {
  name: 'kmeans-assign/distance',
  types: ['Array', ...TYPES],
  source: `function (labels, points, centroids, count, clusters, dimensions, items) {
    ${ITEM}
    const point = this.thread.x * dimensions;
    const centroid = (item * clusters + labels[this.thread.x]) * dimensions;
    let distance = 0;
    for (let i = 0; i < dimensions; i++) {
      const d = points[point + i] - centroids[centroid + i];
      distance += d * d;
    }
    return Math.sqrt(distance);
  }`,
}

/** Of equally near centroids the first. */
export const kmeansAssign: KernelDef<Item, Result> = {
  name: 'kmeans-assign',
  summary: 'The nearest of `centroids` for each of `points`, as `{labels, distances}` (Euclidean).',
  required: ['points', 'centroids'],
  optional: [],
  example: {
    points: [
      [0, 0],
      [9, 9],
    ],
    centroids: [
      [1, 1],
      [8, 8],
    ],
  },
  prepare: ({ fields }) => {
    const points = tensorOfRank('points', fields.points, [2])
    const centroids = tensorOfRank('centroids', fields.centroids, [2])
    const [count, dimensions] = points.shape as [number, number]
    const [clusters, width] = centroids.shape as [number, number]
    if (width !== dimensions)
      throw mismatch(`'centroids' have ${width} dimensions; expected ${dimensions}, as 'points' have`)
    checkCost('the assignment', count, 3 * count * clusters * dimensions)
    const item = { points: points.values, centroids: centroids.values, count, clusters, dimensions }
    return {
      key: `${count}/${clusters}/${dimensions}`,
      item,
      elements: points.values.length + centroids.values.length + 2 * count,
    }
  },
  run: async (dispatch, items) => {
    const { count, clusters, dimensions } = items[0]!
    const points = joined(items.map((item) => item.points))
    const centroids = joined(items.map((item) => item.centroids))
    const args = [points, centroids, count, clusters, dimensions, items.length]
    const output = [count * items.length]
    const labels = await dispatch(NEAREST, args, output)
    const distances = cut(await dispatch(DISTANCE, [labels, ...args], output), items.length)
    return cut(labels, items.length).map((part, index) => ({ labels: part, distances: distances[index]! }))
  },
  finish: ({ labels, distances }, { count }, encoding) => ({
    labels: encodeTensor(labels, [count], encoding, 'i32'),
    distances: encodeTensor(distances, [count], encoding),
  }),
}
