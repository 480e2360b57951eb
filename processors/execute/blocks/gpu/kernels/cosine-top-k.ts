import type { Json } from '../../../../../schemas/json.ts'
import { mismatch, type Tensor, tensorOf, tensorOfRank } from '../tensor.ts'
import { topK } from '../top-k.ts'
import { checkCost, cut, joined, type KernelDef, type Program } from './kernel-def.ts'

interface Item {
  readonly query: Float32Array
  readonly matrix: Float32Array
  readonly rows: number
  readonly dimensions: number
  readonly k: number
}

interface Result {
  readonly indices: readonly number[]
  readonly scores: readonly number[]
}

const PROGRAM: Program = {
  name: 'cosine-top-k',
  types: ['Array', 'Array', 'Float', 'Float', 'Float'],
  source: `function (matrix, query, dimensions, rows, items) {
    const item = Math.min(Math.floor((this.thread.x + 0.5) / rows), items - 1);
    const row = this.thread.x * dimensions;
    const wanted = item * dimensions;
    let dot = 0;
    let rowNorm = 0;
    let queryNorm = 0;
    for (let i = 0; i < dimensions; i++) {
      const a = matrix[row + i];
      const b = query[wanted + i];
      dot += a * b;
      rowNorm += a * a;
      queryNorm += b * b;
    }
    let similarity = 0;
    if (rowNorm > 0 && queryNorm > 0) {
      similarity = dot / (Math.sqrt(rowNorm) * Math.sqrt(queryNorm));
    }
    return similarity;
  }`,
}

/** Similarity 0 where the row or the query is all zeros. Of equal rows the first one comes first. */
export const cosineTopK: KernelDef<Item, Result> = {
  name: 'cosine-top-k',
  summary:
    'The `k` rows of `matrix` most similar to `query`, as `{indices, scores}`; a flat `matrix` needs `dimensions`.',
  required: ['query', 'matrix', 'k'],
  optional: ['dimensions'],
  example: {
    query: [1, 0],
    matrix: [
      [0, 1],
      [1, 1],
      [1, 0],
    ],
    k: 2,
  },
  prepare: ({ fields }) => {
    const matrix = matrixOf(tensorOf('matrix', fields.matrix), fields.dimensions as number | undefined)
    const [rows, dimensions] = matrix.shape as [number, number]
    const query = tensorOfRank('query', fields.query, [1])
    if (query.values.length !== dimensions) {
      throw mismatch(`'query' has ${query.values.length} numbers; expected ${dimensions}, as the rows of 'matrix' have`)
    }
    checkCost('the comparison', rows, 3 * rows * dimensions)
    const item = { query: query.values, matrix: matrix.values, rows, dimensions, k: fields.k as number }
    return { key: `${rows}/${dimensions}`, item, elements: matrix.values.length + dimensions + rows }
  },
  run: async (dispatch, items) => {
    const { rows, dimensions } = items[0]!
    const matrix = joined(items.map((item) => item.matrix))
    const query = joined(items.map((item) => item.query))
    const all = await dispatch(PROGRAM, [matrix, query, dimensions, rows, items.length], [rows * items.length])
    return cut(all, items.length).map((scores, index) => {
      const indices = topK(scores, items[index]!.k)
      return { indices, scores: indices.map((at) => scores[at]!) }
    })
  },
  finish: ({ indices, scores }) => ({ indices: indices as Json, scores: scores as Json }),
}

/** Two dimensions; a flat one is cut into rows. */
function matrixOf(matrix: Tensor, dimensions: number | undefined): Tensor {
  const { shape, values } = matrix
  if (shape.length === 2) {
    if (dimensions === undefined || dimensions === shape[1]) return matrix
    throw mismatch(`the rows of 'matrix' have ${shape[1]} numbers; expected ${dimensions}, as 'dimensions' says`)
  }
  if (shape.length !== 1) throw mismatch(`'matrix' has ${shape.length} dimensions; expected 2`)
  if (dimensions === undefined) throw mismatch("a flat 'matrix' needs 'dimensions'")
  const rows = values.length / dimensions
  if (!Number.isInteger(rows))
    throw mismatch(`'matrix' has ${values.length} numbers; expected a multiple of ${dimensions}`)
  return { ...matrix, shape: [rows, dimensions] }
}
