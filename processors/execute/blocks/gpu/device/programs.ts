/** Compiled programs of a device, the ones used last kept. Runs in the device process. */
import type { IKernelRunShortcut } from 'gpu.js'
import { BlockError } from '../../../block.ts'
import type { Dispatch, Program } from '../kernels/kernel-def.ts'
import { COMPILED_MAX, HELD_MAX } from '../limits.ts'
import type { OpenBackend } from './open-backend.ts'
import { unhurried } from './unhurried.ts'

export interface Programs {
  readonly dispatch: Dispatch
  /** Labels of those that are compiled, without what tells them apart for tenants and shapes. */
  warm(): readonly string[]
}

interface Compiled {
  readonly kernel: IKernelRunShortcut
  readonly label: string
  /** Of the arrays that it keeps on the device. */
  readonly numbers: number
}

/** More than any bound of a loop that the language lets through. */
const LOOP_MAX = 2 ** 31 - 1

export function programsOf({ gpu, info, isResizable, fault }: OpenBackend): Programs {
  const compiled = new Map<string, Compiled>()
  const kernelOf = (key: string, program: Program, output: readonly number[], numbers: number): IKernelRunShortcut => {
    const known = compiled.get(key)
    compiled.delete(key)
    const made = known ?? { kernel: compile(program, output), label: labelOf(program), numbers }
    compiled.set(key, made)
    let held = 0
    for (const one of compiled.values()) held += one.numbers
    for (const [oldest, old] of compiled) {
      if (oldest === key || (compiled.size <= COMPILED_MAX && held <= HELD_MAX)) break
      compiled.delete(oldest)
      held -= old.numbers
      old.kernel.destroy()
    }
    return made.kernel
  }
  /** One that failed may be in any state, in which destroying it fails as well. */
  const discard = (key: string): void => {
    const failed = compiled.get(key)
    compiled.delete(key)
    try {
      failed?.kernel.destroy()
    } catch {}
  }
  const compile = ({ source, types, quads }: Program, output: readonly number[]): IKernelRunShortcut => {
    const kernel = gpu.createKernel(source, {
      output: [...output],
      // gpu.js takes names or a list and documents the names alone
      argumentTypes: [...types] as never,
      dynamicOutput: isResizable,
      dynamicArguments: isResizable,
      precision: 'single',
      ...(quads === undefined ? {} : { returnType: 'Array(4)' }),
      ...{ loopMaxIterations: LOOP_MAX },
    })
    inOnePiece(kernel)
    return kernel
  }
  return {
    warm: () => [...new Set([...compiled.values()].map(({ label }) => label))],
    dispatch: async (program, args, output) => {
      const places = output.reduce((a, b) => a * b, 1)
      const numbers = program.quads === undefined ? places : places * 4
      checkSizes(args, numbers, info.arrayMaxBytes)
      const lengths = args.map((arg) => (typeof arg === 'number' ? 0 : arg.length))
      // for one size, or for any size of as many directions
      const key = `${isResizable ? output.length : `${output}/${lengths}`}/${program.name}`
      const held = isResizable ? 0 : lengths.reduce((a, b) => a + b, places * 4)
      const kernel = kernelOf(key, program, output, held)
      if (isResizable) kernel.setOutput([...output])
      try {
        const computed: unknown = kernel(...(args as never[]))
        const result = computed instanceof Promise ? await unhurried(computed) : computed
        const problem = fault()
        if (problem !== null) throw deviceFault(problem)
        return flattened(result, numbers)
      } catch (error) {
        discard(key)
        // where memory ran out the others' arrays make room, too
        if (error instanceof BlockError && error.code === 'TOO_LARGE')
          for (const other of compiled.keys()) discard(other)
        throw error
      }
    },
  }
}

function labelOf({ name, label }: Program): string {
  return label ?? name.slice(0, `${name}/`.indexOf('/'))
}

function deviceFault(problem: string): BlockError {
  const isMemory = /OutOfMemory/i.test(problem)
  return new BlockError(isMemory ? 'TOO_LARGE' : 'KERNEL_FAILED', `the device says ${problem.slice(0, 300)}`)
}

function checkSizes(args: readonly (Float32Array | number)[], outputs: number, maxBytes: number | null): void {
  if (maxBytes === null) return
  const sizes = [outputs * 4, ...args.map((arg) => (typeof arg === 'number' ? 4 : arg.byteLength))]
  const largest = Math.max(...sizes)
  if (largest <= maxBytes) return
  throw new BlockError(
    'TOO_LARGE',
    `an array has ${largest} bytes; expected at most ${maxBytes}, which is what the device takes`,
  )
}

/**
 * With WebGPU, gpu.js cuts what it has read back into a view for each row, which for many small ones takes as long as computing them. It does so in a method of its
 * own that is told the whole; if a version of it has none, rows are put together again as for the other backends.
 */
function inOnePiece({ kernel }: IKernelRunShortcut): void {
  if (kernel !== undefined && '_shapeOutput' in kernel) kernel._shapeOutput = (values: Float32Array) => values
}

/** gpu.js answers with rows, and rows of rows, which are often parts of one array. */
function flattened(result: unknown, length: number): Float32Array {
  if (result instanceof Float32Array) return result.length === length ? result : result.slice(0, length)
  let first = result as Float32Array | readonly unknown[]
  while (Array.isArray(first)) first = first[0] as Float32Array | readonly unknown[]
  const { buffer, byteOffset } = first as Float32Array
  if (buffer.byteLength === length * 4 && byteOffset === 0) return new Float32Array(buffer as ArrayBuffer)
  const values = new Float32Array(length)
  fill(values, result as readonly unknown[], 0)
  return values
}

function fill(values: Float32Array, part: Float32Array | readonly unknown[], at: number): number {
  if (!Array.isArray(part)) {
    values.set(part as Float32Array, at)
    return at + part.length
  }
  let end = at
  for (const inner of part as readonly (Float32Array | readonly unknown[])[]) end = fill(values, inner, end)
  return end
}
