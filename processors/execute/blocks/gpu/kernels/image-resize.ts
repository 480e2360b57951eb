import { encodeTensor } from '../tensor.ts'
import { type Image, imageOf, imageShape, PIXEL } from './image.ts'
import { checkCost, cut, joined, type KernelDef, oneOf, type Program } from './kernel-def.ts'

interface Item {
  readonly image: Image
  readonly height: number
  readonly width: number
  readonly method: 'bilinear' | 'nearest'
}

const TYPES = ['Array', 'Float', 'Float', 'Float', 'Float', 'Float'] as const
const HEAD = 'function (image, height, width, channels, down, across)'
const AT = (row: string, column: string): string =>
  `image[((this.thread.z * height + ${row}) * width + ${column}) * channels + channel]`

const PROGRAMS: { readonly [method in Item['method']]: Program } = {
  nearest: {
    name: 'image-resize/nearest',
    types: TYPES,
    source: `${HEAD} {
    ${PIXEL}
    const y = Math.min(Math.floor((this.thread.y + 0.5) * down), height - 1);
    const x = Math.min(Math.floor((column + 0.5) * across), width - 1);
    return ${AT('y', 'x')};
  }`,
  },
  bilinear: {
    name: 'image-resize/bilinear',
    types: TYPES,
    source: `${HEAD} {
    ${PIXEL}
    const y = Math.min(Math.max((this.thread.y + 0.5) * down - 0.5, 0), height - 1);
    const x = Math.min(Math.max((column + 0.5) * across - 0.5, 0), width - 1);
    const y0 = Math.floor(y);
    const x0 = Math.floor(x);
    const y1 = Math.min(y0 + 1, height - 1);
    const x1 = Math.min(x0 + 1, width - 1);
    const above = ${AT('y0', 'x0')} * (1 - (x - x0)) + ${AT('y0', 'x1')} * (x - x0);
    const below = ${AT('y1', 'x0')} * (1 - (x - x0)) + ${AT('y1', 'x1')} * (x - x0);
    return above * (1 - (y - y0)) + below * (y - y0);
  }`,
  },
}

/** Centres of pixels are mapped to one another; beyond the edge the edge goes on. */
export const imageResize: KernelDef<Item, Float32Array> = {
  name: 'image-resize',
  summary:
    'The `image` ([height, width] or [height, width, channels], 1 to 4) at another `height` and `width`; `method` is `bilinear` or `nearest`.',
  required: ['image', 'height', 'width'],
  optional: ['method'],
  example: {
    image: [
      [0, 100],
      [100, 200],
    ],
    height: 1,
    width: 1,
  },
  prepare: ({ fields }) => {
    const image = imageOf(fields.image)
    const height = fields.height as number
    const width = fields.width as number
    const method = oneOf('method', fields.method ?? 'bilinear', ['bilinear', 'nearest'])
    const outputs = height * width * image.channels
    checkCost('the resized image', outputs, 16 * outputs)
    const key = `${method}/${image.height}/${image.width}/${image.channels}/${height}/${width}`
    return { key, item: { image, height, width, method }, elements: image.values.length + outputs }
  },
  run: async (dispatch, items) => {
    const { image, height, width, method } = items[0]!
    const images = joined(items.map((item) => item.image.values))
    const args = [images, image.height, image.width, image.channels, image.height / height, image.width / width]
    const all = await dispatch(PROGRAMS[method], args, [width * image.channels, height, items.length])
    return cut(all, items.length)
  },
  finish: (result, { image, height, width }, encoding) => ({
    output: encodeTensor(result, imageShape(image, height, width), encoding, image.type),
  }),
}
