/** Compiled programs of a device, the ones used last kept. Runs in the device process. */
import type { IKernelRunShortcut } from 'gpu.js'
import { BlockError } from '../../../block.ts'
import type { Dispatch, Program } from '../kernels/kernel-def.ts'
import { COMPILED_MAX } from '../limits.ts'
import type { OpenBackend } from './backend.ts'

export interface Programs {
  readonly dispatch: Dispatch
  /** Names of those that are compiled, without what tells them apart for tenants and shapes. */
  warm(): readonly string[]
}

/** More than any bound of a loop that the language lets through. */
const LOOP_MAX = 2 ** 31 - 1

export function programsOf({ gpu, info, fault }: OpenBackend): Programs {
  const compiled = new Map<string, IKernelRunShortcut>()
  const kernelOf = (program: Program, output: readonly number[]): IKernelRunShortcut => {
    const key = `${output.length}/${program.name}`
    const known = compiled.get(key)
    compiled.delete(key)
    const kernel = known ?? compile(program, output)
    compiled.set(key, kernel)
    for (const [oldest, old] of compiled) {
      if (compiled.size <= COMPILED_MAX) break
      compiled.delete(oldest)
      old.destroy()
    }
    return kernel
  }
  const compile = ({ source, types }: Program, output: readonly number[]): IKernelRunShortcut =>
    gpu.createKernel(source, {
      output: [...output],
      // gpu.js takes names or a list and documents the names alone
      argumentTypes: [...types] as never,
      dynamicOutput: true,
      dynamicArguments: true,
      precision: 'single',
      ...{ loopMaxIterations: LOOP_MAX },
    })
  return {
    warm: () => [...new Set([...compiled.keys()].map((key) => key.split('/')[1]!))],
    dispatch: async (program, args, output) => {
      checkSizes(args, output, info.arrayMaxBytes)
      const kernel = kernelOf(program, output)
      kernel.setOutput([...output])
      try {
        const result: unknown = await kernel(...(args as never[]))
        const problem = fault()
        if (problem !== null) throw deviceFault(problem)
        return flattened(result, output)
      } catch (error) {
        compiled.delete(`${output.length}/${program.name}`)
        throw error
      }
    },
  }
}

function deviceFault(problem: string): BlockError {
  const isMemory = /OutOfMemory/i.test(problem)
  return new BlockError(isMemory ? 'TOO_LARGE' : 'KERNEL_FAILED', `the device says ${problem.slice(0, 300)}`)
}

function checkSizes(
  args: readonly (Float32Array | number)[],
  output: readonly number[],
  maxBytes: number | null,
): void {
  if (maxBytes === null) return
  const sizes = [
    output.reduce((a, b) => a * b, 4),
    ...args.map((arg) => (typeof arg === 'number' ? 4 : arg.byteLength)),
  ]
  const largest = Math.max(...sizes)
  if (largest <= maxBytes) return
  throw new BlockError(
    'TOO_LARGE',
    `an array has ${largest} bytes; expected at most ${maxBytes}, which is what the device takes`,
  )
}

/** gpu.js answers with rows, which are often parts of one array. */
function flattened(result: unknown, output: readonly number[]): Float32Array {
  const length = output.reduce((a, b) => a * b, 1)
  if (result instanceof Float32Array) return result.length === length ? result : result.slice(0, length)
  const rows = output.length === 3 ? (result as Float32Array[][]).flat() : (result as Float32Array[])
  const first = rows[0]!
  if (first.buffer.byteLength === length * 4 && first.byteOffset === 0)
    return new Float32Array(first.buffer as ArrayBuffer)
  const values = new Float32Array(length)
  for (const [index, row] of rows.entries()) values.set(row, index * output[0]!)
  return values
}
