/** What a kernel is: its input is checked and flattened by the engine, its programs run in the device process, for one step or several at once. */

import type { Json } from '../../../../../schemas/json.ts'
import { BlockError } from '../../../block.ts'
import { ELEMENTS_MAX, WORK_MAX } from '../limits.ts'
import { type Encoding, tooLarge } from '../tensor.ts'

/** Sizes are floats too: gpu.js loses track of integers in nested expressions when it writes for WebGPU. */
export type ArgumentType = 'Array' | 'Float'

/** Text for gpu.js, compiled once and kept by its name. */
export interface Program {
  /** Says all that the text depends on. Up to the first slash it is the kernel's name. */
  readonly name: string
  readonly source: string
  /** What workers announce it as, where that is more than the kernel's name. */
  readonly label?: string
  readonly types: readonly ArgumentType[]
  /** Each place of the output is a list of four values, not one; only for outputs of three directions. */
  readonly quads?: true
}

/** Runs a program for every place of the output (x, y, z); answers with its values, those of a place together, then x fastest. */
export type Dispatch = (
  program: Program,
  args: readonly (Float32Array | number)[],
  output: readonly number[],
) => Promise<Float32Array>

export interface Prepared<Item> {
  /** Steps of one key can go in one dispatch. */
  readonly key: string
  /** Plain data. */
  readonly item: Item
  /** Numbers of its inputs and outputs. */
  readonly elements: number
}

export interface KernelCall {
  /** Of the step. Programs of users are not shared between tenants. */
  readonly tenant: string
  readonly fields: Fields
}

export interface KernelDef<Item = unknown, Result = unknown> {
  readonly name: string
  readonly summary: string
  readonly required: readonly string[]
  readonly optional: readonly string[]
  readonly example: { readonly [field: string]: Json }
  /** @throws {BlockError} @throws {KernelProblem} for what is not of the kernel language */
  prepare(call: KernelCall): Prepared<Item>
  /** In the device process. One result for each item, in order. */
  run(dispatch: Dispatch, items: readonly Item[]): Promise<readonly Result[]>
  /** The output of the step. @throws {BlockError} `NOT_FINITE` */
  finish(result: Result, item: Item, encoding: Encoding): { readonly [field: string]: Json }
}

export type Fields = { readonly [field: string]: unknown }

/** @throws {BlockError} `TOO_LARGE` */
export function checkCost(what: string, elements: number, work: number): void {
  if (elements > ELEMENTS_MAX) throw tooLarge(`${what} has ${elements} numbers; expected at most ${ELEMENTS_MAX}`)
  if (work > WORK_MAX) throw tooLarge(`${what} takes ${work} operations; expected at most ${WORK_MAX}`)
}

export function invalid(message: string): BlockError {
  return new BlockError('INPUT_INVALID', message)
}

export function oneOf<Choice extends string>(name: string, value: unknown, choices: readonly Choice[]): Choice {
  const found = choices.find((choice) => choice === value)
  if (found === undefined)
    throw invalid(`'${name}' is ${JSON.stringify(value)?.slice(0, 60)}; expected ${choices.join(' or ')}`)
  return found
}

/** The arrays one after another. */
export function joined(arrays: readonly Float32Array[]): Float32Array {
  if (arrays.length === 1) return arrays[0]!
  const all = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const array of arrays) {
    all.set(array, at)
    at += array.length
  }
  return all
}

/** Cuts values into parts of these lengths. */
export function cutInto(values: Float32Array, lengths: readonly number[]): Float32Array[] {
  let at = 0
  return lengths.map((length) => {
    at += length
    return values.slice(at - length, at)
  })
}

/** Cuts values into parts of one length. */
export function cut(values: Float32Array, parts: number): Float32Array[] {
  const length = values.length / parts
  return Array.from({ length: parts }, (_, index) => values.slice(index * length, (index + 1) * length))
}
