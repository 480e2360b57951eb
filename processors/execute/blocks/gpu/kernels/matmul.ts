import { encodeTensor, mismatch, shapeText, tensorOfRank } from '../tensor.ts'
import { checkCost, cut, joined, type KernelDef, type Program } from './kernel-def.ts'

interface Item {
  readonly a: Float32Array
  readonly b: Float32Array
  readonly rows: number
  readonly inner: number
  readonly columns: number
}

const PROGRAM: Program = {
  name: 'matmul',
  types: ['Array', 'Array', 'Float', 'Float', 'Float'],
  source: `function (a, b, rows, inner, columns) {
    const left = (this.thread.z * rows + this.thread.y) * inner;
    const right = this.thread.z * inner * columns + this.thread.x;
    let sum = 0;
    for (let i = 0; i < inner; i++) {
      sum += a[left + i] * b[right + i * columns];
    }
    return sum;
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
    const all = await dispatch(PROGRAM, [a, b, rows, inner, columns], [columns, rows, items.length])
    return cut(all, items.length)
  },
  finish: (result, { rows, columns }, encoding) => ({ output: encodeTensor(result, [rows, columns], encoding) }),
}
