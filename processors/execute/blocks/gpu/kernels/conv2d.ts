import { encodeTensor, mismatch, shapeText, type Tensor, tensorOfRank } from '../tensor.ts'
import { checkCost, cut, invalid, joined, type KernelDef, oneOf, type Program } from './kernel-def.ts'

interface Item {
  readonly image: Float32Array
  readonly filter: Float32Array
  /** Channels in and out, then height and width of image, filter and output, then stride and padding at the top and the left. */
  readonly sizes: Sizes
  readonly isPlain: boolean
}

interface Sizes {
  readonly from: number
  readonly to: number
  readonly height: number
  readonly width: number
  readonly tall: number
  readonly wide: number
  readonly outHeight: number
  readonly outWidth: number
  readonly stride: number
  readonly top: number
  readonly left: number
}

const PROGRAM: Program = {
  name: 'conv2d',
  types: ['Array', 'Array', ...Array<'Float'>(9).fill('Float')],
  source: `function (image, filter, from, to, height, width, tall, wide, stride, top, left) {
    const item = Math.floor((this.thread.z + 0.5) / to);
    let sum = 0;
    for (let c = 0; c < from; c++) {
      for (let j = 0; j < tall; j++) {
        for (let i = 0; i < wide; i++) {
          const y = this.thread.y * stride + j - top;
          const x = this.thread.x * stride + i - left;
          if (y >= 0 && y < height && x >= 0 && x < width) {
            sum += image[((item * from + c) * height + y) * width + x] * filter[((this.thread.z * from + c) * tall + j) * wide + i];
          }
        }
      }
    }
    return sum;
  }`,
}

/** Cross-correlation, as in neural networks: the filter is not turned round. */
export const conv2d: KernelDef<Item, Float32Array> = {
  name: 'conv2d',
  summary:
    'Convolution of `image` ([height, width] or [channels, height, width]) with `filter` ([height, width] or [channels out, channels in, height, width]), not turned round; `padding: same` (zeros) or `valid`.',
  required: ['image', 'filter'],
  optional: ['padding', 'stride'],
  example: {
    image: [
      [1, 2],
      [3, 4],
    ],
    filter: [
      [1, 0],
      [0, 1],
    ],
    padding: 'valid',
  },
  prepare: ({ fields }) => {
    const image = tensorOfRank('image', fields.image, [2, 3])
    const filter = tensorOfRank('filter', fields.filter, [2, 4])
    const padding = oneOf('padding', fields.padding ?? 'same', ['same', 'valid'])
    const sizes = sizesOf(image, filter, padding, (fields.stride as number | undefined) ?? 1)
    const outputs = sizes.to * sizes.outHeight * sizes.outWidth
    checkCost('the convolution', outputs, outputs * sizes.from * sizes.tall * sizes.wide)
    const item = {
      image: image.values,
      filter: filter.values,
      sizes,
      isPlain: image.shape.length === 2 && sizes.to === 1,
    }
    return { key: Object.values(sizes).join('/'), item, elements: image.values.length + filter.values.length + outputs }
  },
  run: async (dispatch, items) => {
    const { from, to, height, width, tall, wide, outHeight, outWidth, stride, top, left } = items[0]!.sizes
    const image = joined(items.map((item) => item.image))
    const filter = joined(items.map((item) => item.filter))
    const args = [image, filter, from, to, height, width, tall, wide, stride, top, left]
    return cut(await dispatch(PROGRAM, args, [outWidth, outHeight, to * items.length]), items.length)
  },
  finish: (result, { sizes: { to, outHeight, outWidth }, isPlain }, encoding) => ({
    output: encodeTensor(result, isPlain ? [outHeight, outWidth] : [to, outHeight, outWidth], encoding),
  }),
}

function sizesOf(image: Tensor, filter: Tensor, padding: 'same' | 'valid', stride: number): Sizes {
  const [from, height, width] =
    image.shape.length === 3 ? (image.shape as [number, number, number]) : [1, image.shape[0]!, image.shape[1]!]
  const [to, channels, tall, wide] =
    filter.shape.length === 4
      ? (filter.shape as [number, number, number, number])
      : [1, 1, filter.shape[0]!, filter.shape[1]!]
  if (channels !== from)
    throw mismatch(`'filter' is ${shapeText(filter.shape)} for ${channels} channels; expected ${from}, as 'image' has`)
  if (to > 1_024) throw invalid(`'filter' has ${to} channels out; expected at most 1024`)
  const along = (size: number, part: number): readonly [number, number] => {
    if (padding === 'valid') return [Math.floor((size - part) / stride) + 1, 0]
    const out = Math.ceil(size / stride)
    return [out, Math.floor(Math.max(0, (out - 1) * stride + part - size) / 2)]
  }
  const [outHeight, top] = along(height, tall)
  const [outWidth, left] = along(width, wide)
  if (outHeight < 1 || outWidth < 1)
    throw mismatch(
      `'filter' is ${shapeText(filter.shape)}, larger than the image ${shapeText(image.shape)}; expected a smaller one, or padding 'same'`,
    )
  return { from, to, height, width, tall, wide, outHeight, outWidth, stride, top, left }
}
