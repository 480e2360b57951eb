import { encodeTensor, tensorOf } from '../tensor.ts'
import { cutInto, joined, type KernelDef, type Program } from './kernel-def.ts'
import { reduceRows } from './reduce.ts'

interface Item {
  readonly values: Float32Array
  readonly shape: readonly number[]
}

const EXP: Program = {
  name: 'softmax/exp',
  types: ['Array', 'Array', 'Float'],
  source: `function (values, most, width) {
    return Math.exp(values[this.thread.y * width + this.thread.x] - most[this.thread.y]);
  }`,
}
const SHARE: Program = {
  name: 'softmax/share',
  types: ['Array', 'Array', 'Float'],
  source: `function (values, sums, width) {
    return values[this.thread.y * width + this.thread.x] / sums[this.thread.y];
  }`,
}

/** The greatest of each row is taken off first, so that nothing overflows. */
export const softmax: KernelDef<Item, Float32Array> = {
  name: 'softmax',
  summary: 'Softmax of each row of `values` (along the last dimension).',
  required: ['values'],
  optional: [],
  example: { values: [[1, 2, 3]] },
  prepare: ({ fields }) => {
    const { values, shape } = tensorOf('values', fields.values)
    return { key: `${shape.at(-1)}`, item: { values, shape }, elements: 3 * values.length }
  },
  run: async (dispatch, items) => {
    const width = items[0]!.shape.at(-1)!
    const values = joined(items.map((item) => item.values))
    const output = [width, values.length / width]
    const most = await reduceRows(dispatch, 'max', values, width)
    const powers = await dispatch(EXP, [values, most, width], output)
    const sums = await reduceRows(dispatch, 'sum', powers, width)
    const shares = await dispatch(SHARE, [powers, sums, width], output)
    return cutInto(
      shares,
      items.map((item) => item.values.length),
    )
  },
  finish: (result, { shape }, encoding) => ({ output: encodeTensor(result, shape, encoding) }),
}
