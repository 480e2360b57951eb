import type { Json } from '../../../../schemas/json.ts'
import { KernelProblem } from '../../../../schemas/kernel/syntax.ts'
import { type Block, BlockError, type BlockErrorDef, type BlockExample } from '../../block.ts'
import { intoBlobs, withBlobs } from './blob-arrays.ts'
import type { GpuPool } from './gpu-pool.ts'
import { inputSchema } from './input-schema.ts'
import { type Fields, invalid, type KernelCall, type KernelDef, type Prepared } from './kernels/kernel-def.ts'
import { KERNELS, kernelNamed } from './kernels/kernels.ts'
import type { Encoding } from './tensor.ts'

const errors: readonly BlockErrorDef[] = [
  { code: 'KERNEL_UNKNOWN', class: 'permanent', meaning: 'There is no kernel of that name.' },
  {
    code: 'KERNEL_SYNTAX',
    class: 'permanent',
    meaning: 'A formula or a kernel has something that is not of the kernel language; the message says where.',
  },
  {
    code: 'SHAPE_MISMATCH',
    class: 'permanent',
    meaning: 'An array has another shape or length than the kernel or the other arrays need, or is empty.',
  },
  {
    code: 'NOT_FINITE',
    class: 'permanent',
    meaning: 'A number of the input or the result is too large for 32 bits, or not finite.',
  },
  {
    code: 'TOO_LARGE',
    class: 'permanent',
    meaning: 'An array or the work is above the limit, or above what the device takes.',
  },
  { code: 'KERNEL_FAILED', class: 'permanent', meaning: 'The kernel could not be compiled or run.' },
  {
    code: 'DEVICE_LOST',
    class: 'transient',
    meaning: 'The device, or its process, was lost twice in a row while the step ran.',
  },
]

type Given = Fields & { readonly kernel: string; readonly encoding?: Encoding | 'blob' }

/** Written for every kernel alike. */
const COMMON = ['kernel', 'encoding']

export function kernelBlock(device: () => GpuPool): Block {
  return {
    type: 'kernel',
    version: 2,
    pool: 'gpu',
    summary: `Runs a numeric kernel (32-bit floats) on the device process: on a GPU by WebGPU where there is one, else by WebAssembly or in plain code; see \`docs/gpu.md\`. Kernels: ${KERNELS.map(({ name }) => name).join(', ')}.`,
    inputSchema,
    pure: true,
    errors,
    example: exampleOf(kernelNamed('cosine-top-k')!),
    examples: KERNELS.filter(({ name }) => name !== 'cosine-top-k').map(
      (kernel): BlockExample => ({ title: kernel.name, input: exampleOf(kernel) }),
    ),
    run: async (context, input) => {
      const { kernel: name, encoding = 'array', ...given } = input as Given
      const kernel = kernelNamed(name)
      if (kernel === undefined) {
        const known = KERNELS.map((one) => one.name).join(', ')
        throw new BlockError('KERNEL_UNKNOWN', `kernel '${name.slice(0, 80)}' is not known; expected one of ${known}`)
      }
      checkFields(kernel, given)
      const fields = await withBlobs(context, given)
      const prepared = preparedBy(kernel, { tenant: context.tenant, fields })
      const result = await device().run(name, prepared, context.signal)
      const output = kernel.finish(result, prepared.item, encoding === 'array' ? 'array' : 'base64')
      const backend = device().info?.backend ?? null
      return { ...(encoding === 'blob' ? await intoBlobs(context, output) : output), backend } as Json
    },
  }
}

function preparedBy(kernel: KernelDef, call: KernelCall): Prepared<unknown> {
  try {
    return kernel.prepare(call)
  } catch (error) {
    throw error instanceof KernelProblem ? new BlockError('KERNEL_SYNTAX', error.message, { cause: error }) : error
  }
}

/** @throws {BlockError} `INPUT_INVALID` for a field that is missing or not one of the kernel */
function checkFields({ name, required, optional }: KernelDef, fields: Fields): void {
  const known = [...required, ...optional]
  const missing = required.find((field) => fields[field] === undefined)
  if (missing !== undefined) throw invalid(`'${missing}' is missing; the kernel '${name}' needs ${required.join(', ')}`)
  const unknown = Object.keys(fields).find((field) => !known.includes(field))
  if (unknown === undefined) return
  throw invalid(
    `'${unknown.slice(0, 60)}' is no field of the kernel '${name}'; expected ${[...COMMON, ...known].join(', ')}`,
  )
}

function exampleOf({ name, example }: KernelDef): Json {
  return { kernel: name, ...example }
}
