import { encodeTensor, tensorOfRank } from '../tensor.ts'
import { type Image, imageOf, imageShape, PIXEL } from './image.ts'
import { checkCost, cut, joined, type KernelDef, oneOf, type Program } from './kernel-def.ts'

interface Item {
  readonly image: Image
  readonly filter: Float32Array
  readonly tall: number
  readonly wide: number
}

const FILTERS = {
  blur: Array<number>(9).fill(1 / 9),
  gaussian: [1, 2, 1, 2, 4, 2, 1, 2, 1].map((weight) => weight / 16),
  sharpen: [0, -1, 0, -1, 5, -1, 0, -1, 0],
  edges: [-1, -1, -1, -1, 8, -1, -1, -1, -1],
} as const

const PROGRAM: Program = {
  name: 'image-filter',
  types: ['Array', 'Array', 'Float', 'Float', 'Float', 'Float', 'Float'],
  source: `function (image, filter, height, width, channels, tall, wide) {
    ${PIXEL}
    const above = Math.floor((tall - 1) / 2);
    const before = Math.floor((wide - 1) / 2);
    let sum = 0;
    for (let j = 0; j < tall; j++) {
      for (let i = 0; i < wide; i++) {
        const y = Math.min(Math.max(this.thread.y + j - above, 0), height - 1);
        const x = Math.min(Math.max(column + i - before, 0), width - 1);
        sum += image[((this.thread.z * height + y) * width + x) * channels + channel] * filter[(this.thread.z * tall + j) * wide + i];
      }
    }
    return sum;
  }`,
}

/** Each channel for itself; beyond the edge the edge goes on. */
export const imageFilter: KernelDef<Item, Float32Array> = {
  name: 'image-filter',
  summary: 'The `image` through a `filter`: `blur`, `gaussian`, `sharpen`, `edges`, or a matrix of weights.',
  required: ['image', 'filter'],
  optional: [],
  example: {
    image: [
      [0, 0, 0],
      [0, 9, 0],
      [0, 0, 0],
    ],
    filter: 'blur',
  },
  prepare: ({ fields }) => {
    const image = imageOf(fields.image)
    const filter = filterOf(fields.filter)
    checkCost('the filtered image', image.values.length, image.values.length * filter.filter.length)
    const key = `${image.height}/${image.width}/${image.channels}/${filter.tall}/${filter.wide}`
    return { key, item: { image, ...filter }, elements: 2 * image.values.length + filter.filter.length }
  },
  run: async (dispatch, items) => {
    const { image, tall, wide } = items[0]!
    const images = joined(items.map((item) => item.image.values))
    const filters = joined(items.map((item) => item.filter))
    const args = [images, filters, image.height, image.width, image.channels, tall, wide]
    const all = await dispatch(PROGRAM, args, [image.width * image.channels, image.height, items.length])
    return cut(all, items.length)
  },
  finish: (result, { image }, encoding) => ({
    output: encodeTensor(result, imageShape(image, image.height, image.width), encoding, image.type),
  }),
}

function filterOf(source: unknown): Omit<Item, 'image'> {
  if (typeof source === 'string') {
    const name = oneOf('filter', source, ['blur', 'gaussian', 'sharpen', 'edges'])
    return { filter: Float32Array.from(FILTERS[name]), tall: 3, wide: 3 }
  }
  const { values, shape } = tensorOfRank('filter', source, [2])
  const [tall, wide] = shape as [number, number]
  return { filter: values, tall, wide }
}
