import { encodeTensor, mismatch, shapeText, tensorOfRank } from '../tensor.ts'
import { checkCost, cut, joined, type KernelDef, type Program } from './kernel-def.ts'

interface Item {
  readonly a: Float32Array
  readonly b: Float32Array
  readonly rows: number
  readonly inner: number
  readonly columns: number
}

/** Four columns at once: a number of `a` is read once for all of them, and reading is what takes the time. */
const PROGRAM: Program = {
  name: 'matmul',
  types: ['Array', 'Array', 'Float', 'Float', 'Float'],
  quads: true,
  source: `function (a, b, rows, inner, columns) {
    const left = (this.thread.z * rows + this.thread.y) * inner;
    let right = this.thread.z * inner * columns + this.thread.x * 4;
    let first = 0;
    let second = 0;
    let third = 0;
    let fourth = 0;
    for (let i = 0; i < inner; i++) {
      const value = a[left + i];
      first += value * b[right];
      second += value * b[right + 1];
      third += value * b[right + 2];
      fourth += value * b[right + 3];
      right += columns;
    }
    return [first, second, third, fourth];
  }`,
}

export const matmul: KernelDef<Item, Float32Array> = {
  name: 'matmul',
  summary: 'The product of the matrices `a` and `b`.',
  required: ['a', 'b'],
  optional: [],
  example: {
    a: [
      [1, 2],
      [3, 4],
    ],
    b: [[5], [6]],
  },
  prepare: ({ fields }) => {
    const a = tensorOfRank('a', fields.a, [2])
    const b = tensorOfRank('b', fields.b, [2])
    const [rows, inner] = a.shape as [number, number]
    const [height, columns] = b.shape as [number, number]
    if (inner !== height)
      throw mismatch(
        `'a' is ${shapeText(a.shape)} and 'b' ${shapeText(b.shape)}; expected ${inner} rows in 'b', as 'a' has columns`,
      )
    checkCost('the product', rows * columns, rows * columns * inner)
    const elements = a.values.length + b.values.length + rows * columns
    return { key: `${rows}/${inner}/${columns}`, item: { a: a.values, b: b.values, rows, inner, columns }, elements }
  },
  run: async (dispatch, items) => {
    const { rows, inner, columns } = items[0]!
    const a = joined(items.map((item) => item.a))
    const b = joined(items.map((item) => item.b))
    const quads = Math.ceil(columns / 4)
    const all = await dispatch(PROGRAM, [a, b, rows, inner, columns], [quads, rows, items.length])
    return cut(all, items.length).map((values) => withWidth(values, quads * 4, columns))
  },
  finish: (result, { rows, columns }, encoding) => ({ output: encodeTensor(result, [rows, columns], encoding) }),
}

/** What the last four columns have too many is left out; it is of other rows, or of nothing. */
function withWidth(values: Float32Array, from: number, to: number): Float32Array {
  if (from === to) return values
  const kept = new Float32Array((values.length / from) * to)
  for (let row = 0; row * to < kept.length; row++) kept.set(values.subarray(row * from, row * from + to), row * to)
  return kept
}
