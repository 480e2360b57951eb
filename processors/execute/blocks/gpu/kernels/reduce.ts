import { encodeTensor, tensorOf } from '../tensor.ts'
import { cutInto, type Dispatch, joined, type KernelDef, oneOf, type Program } from './kernel-def.ts'

type Op = 'sum' | 'mean' | 'min' | 'max'

interface Item {
  readonly op: Op
  readonly values: Float32Array
  readonly width: number
  /** `null`: one number of all. */
  readonly shape: readonly number[] | null
}

const OPS: readonly Op[] = ['sum', 'mean', 'min', 'max']
/** What one thread takes of a long row. */
const CHUNK = 256

const STEPS: { readonly [op in 'sum' | 'min' | 'max']: string } = {
  sum: 's = s + v',
  min: 's = Math.min(s, v)',
  max: 's = Math.max(s, v)',
}

/** In rounds: chunks of rows become their results, until one is left of each row. */
export const reduce: KernelDef<Item, Float32Array> = {
  name: 'reduce',
  summary: 'Sum, mean, least or greatest of all `values`, or of each row (`by: rows`: along the last dimension).',
  required: ['values', 'op'],
  optional: ['by'],
  example: {
    values: [
      [1, 2, 3],
      [4, 5, 6],
    ],
    op: 'sum',
    by: 'rows',
  },
  prepare: ({ fields }) => {
    const tensor = tensorOf('values', fields.values)
    const op = oneOf('op', fields.op, OPS)
    const by = oneOf('by', fields.by ?? 'all', ['all', 'rows'])
    const width = by === 'all' ? tensor.values.length : tensor.shape.at(-1)!
    const shape = by === 'all' ? null : tensor.shape.slice(0, -1)
    const item = { op, values: tensor.values, width, shape }
    return { key: `${op}/${width}`, item, elements: 2 * tensor.values.length }
  },
  run: async (dispatch, items) => {
    const { op, width } = items[0]!
    const all = await reduceRows(dispatch, op === 'mean' ? 'sum' : op, joined(items.map(({ values }) => values)), width)
    if (op === 'mean') for (let i = 0; i < all.length; i++) all[i] = all[i]! / width
    return cutInto(
      all,
      items.map(({ values }) => values.length / width),
    )
  },
  finish: (result, { shape }, encoding) => {
    if (shape !== null && shape.length > 0) return { output: encodeTensor(result, shape, encoding) }
    encodeTensor(result, [1], encoding)
    return { output: result[0]! }
  },
}

/** One number for each row of `width` numbers. */
export async function reduceRows(
  dispatch: Dispatch,
  op: 'sum' | 'min' | 'max',
  values: Float32Array,
  width: number,
): Promise<Float32Array> {
  const rows = values.length / width
  let left = values
  let size = width
  do {
    const chunks = Math.ceil(size / CHUNK)
    const isFlat = chunks === 1 || rows === 1
    const chunk = Math.min(CHUNK, size)
    left = await dispatch(program(op, isFlat), [left, size, chunk, chunks], isFlat ? [rows * chunks] : [chunks, rows])
    size = chunks
  } while (size > 1)
  return left === values ? values.slice() : left
}

/** Flat: either one chunk a row or one row, so that no place needs to be divided. `Math.floor` makes floats of places, which OpenGL does not mix with integers. */
function program(op: 'sum' | 'min' | 'max', isFlat: boolean): Program {
  const row = isFlat ? '(chunks === 1 ? Math.floor(this.thread.x) : 0)' : 'this.thread.y'
  const part = isFlat ? '(chunks === 1 ? 0 : Math.floor(this.thread.x))' : 'this.thread.x'
  return {
    name: `reduce/${op}/${isFlat ? 1 : 2}`,
    types: ['Array', 'Float', 'Float', 'Float'],
    source: `function (values, size, chunk, chunks) {
      const row = ${row};
      const first = ${part} * chunk;
      let s = values[row * size + first];
      for (let i = 1; i < chunk; i++) {
        if (first + i < size) {
          const v = values[row * size + first + i];
          ${STEPS[op]};
        }
      }
      return s;
    }`,
  }
}
