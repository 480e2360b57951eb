/** The kernel `cosine-top-k`: the rows of a matrix most similar to a query. Runs in the device thread. */
import type { IKernelRunShortcut } from 'gpu.js'
import type { Json } from '../../../../schemas/json.ts'
import type { Device } from './device.ts'
import { type Matrix, matrixOf, vectorOf } from './matrix.ts'
import { topK } from './top-k.ts'

export interface CosineTopKInput {
  readonly query: readonly number[]
  readonly matrix: readonly number[] | readonly (readonly number[])[]
  readonly dimensions?: number
  readonly k: number
}

export type CosineTopK = (input: CosineTopKInput) => Json

/** Kernels compiled for a number of dimensions, since loop bounds are constants on a GPU. */
const COMPILED_MAX = 32

interface KernelThis {
  readonly thread: { readonly x: number }
  readonly constants: { readonly dimensions: number }
}

/** Similarity 0 where the row or the query is all zeros. Compatible inputs of different runs may be laid under each other here. */
export function cosineTopK(device: Device): CosineTopK {
  const kernels = new Map<number, IKernelRunShortcut>()
  return ({ query, matrix, dimensions, k }) => {
    const rows = matrixOf(matrix, dimensions)
    const wanted = vectorOf('query', query, rows.dimensions)
    let kernel = kernels.get(rows.dimensions)
    if (kernel === undefined) {
      if (kernels.size >= COMPILED_MAX) evict(kernels)
      kernel = compile(device, rows.dimensions)
      kernels.set(rows.dimensions, kernel)
    }
    const scores = similarities(kernel, rows, wanted)
    const indices = topK(scores, k)
    return { indices, scores: indices.map((index) => scores[index]!), backend: device.backend }
  }
}

function similarities(kernel: IKernelRunShortcut, rows: Matrix, query: Float32Array): ArrayLike<number> {
  kernel.setOutput([rows.rows])
  return kernel(rows.values, query) as ArrayLike<number>
}

/** The function's text is what gpu.js compiles, so it keeps to the subset of the language that gpu.js knows. */
function compile(device: Device, dimensions: number): IKernelRunShortcut {
  return device.gpu.createKernel(
    function (this: KernelThis, matrix: number[], query: number[]) {
      let dot = 0
      let rowNorm = 0
      let queryNorm = 0
      for (let i = 0; i < this.constants.dimensions; i++) {
        const a = matrix[this.thread.x * this.constants.dimensions + i]!
        const b = query[i]!
        dot += a * b
        rowNorm += a * a
        queryNorm += b * b
      }
      if (rowNorm === 0 || queryNorm === 0) return 0
      return dot / (Math.sqrt(rowNorm) * Math.sqrt(queryNorm))
    },
    { constants: { dimensions }, dynamicOutput: true, dynamicArguments: true },
  )
}

function evict(kernels: Map<number, IKernelRunShortcut>): void {
  for (const [dimensions, kernel] of kernels) {
    kernel.destroy()
    kernels.delete(dimensions)
    return
  }
}
