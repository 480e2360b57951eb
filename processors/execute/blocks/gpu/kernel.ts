import { type Block, BlockError, type BlockErrorDef } from '../../block.ts'
import type { WorkerPool } from '../workers/worker-pool.ts'

export const KERNELS: readonly string[] = ['cosine-top-k']

const inputSchema = {
  type: 'object',
  required: ['kernel', 'query', 'matrix', 'k'],
  properties: {
    kernel: { type: 'string', description: `One of ${KERNELS.join(', ')}.` },
    query: { type: 'array', description: 'A list of numbers.' },
    matrix: { type: 'array', description: 'A list of rows, or all their numbers in one list with `dimensions` given.' },
    dimensions: { type: 'integer', minimum: 1, description: 'Numbers in a row of a flat `matrix`.' },
    k: { type: 'integer', minimum: 1, maximum: 10_000, description: 'How many rows to return, at most.' },
  },
  additionalProperties: false,
}

const errors: readonly BlockErrorDef[] = [
  { code: 'KERNEL_UNKNOWN', class: 'permanent', meaning: 'There is no kernel of that name.' },
  { code: 'SHAPE_MISMATCH', class: 'permanent', meaning: 'Rows and query do not have the same number of numbers.' },
  { code: 'NOT_FINITE', class: 'permanent', meaning: 'A number is too large for 32 bits, or not finite.' },
  { code: 'KERNEL_FAILED', class: 'permanent', meaning: 'The kernel could not be compiled or run.' },
  {
    code: 'WORKER_ENDED',
    class: 'transient',
    meaning: 'The device thread ended in the call, e.g. for want of memory.',
  },
]

export function kernelBlock(device: () => WorkerPool): Block {
  return {
    type: 'kernel',
    version: 1,
    pool: 'gpu',
    summary:
      'Runs a numeric kernel (32-bit floats) on the device thread: on a GPU where gpu.js can use one, else on the CPU. `cosine-top-k` returns the rows of a matrix that are most similar to a query, as `{indices, scores, backend}`.',
    inputSchema,
    pure: true,
    errors,
    example: {
      kernel: 'cosine-top-k',
      query: [1, 0],
      matrix: [
        [0, 1],
        [1, 1],
        [1, 0],
      ],
      k: 2,
    },
    run: (context, input) => {
      const { kernel, ...rest } = input as { readonly kernel: string }
      if (KERNELS.includes(kernel)) return device().call(rest, context.signal)
      throw new BlockError(
        'KERNEL_UNKNOWN',
        `kernel '${kernel.slice(0, 80)}' is not known; expected one of ${KERNELS.join(', ')}`,
      )
    },
  }
}
