import { createHash } from 'node:crypto'
import { kernelLabel } from '../../../../../schemas/kernel/kernel-label.ts'
import { checkName, parseKernel } from '../../../../../schemas/kernel/parse-kernel.ts'
import { printStatements } from '../../../../../schemas/kernel/print.ts'
import type { KernelFunction } from '../../../../../schemas/kernel/syntax.ts'
import { INPUTS_MAX } from '../limits.ts'
import { encodeTensor, scalarOf, type Tensor, tensorOf } from '../tensor.ts'
import { checkCost, cut, invalid, joined, type KernelCall, type KernelDef, type Program } from './kernel-def.ts'

interface Item {
  readonly alone: Program
  /** For several at once, one after another in the direction after the last; `null` where there is none left. */
  readonly together: Program | null
  readonly arrays: readonly Float32Array[]
  /** The inputs that are numbers. */
  readonly numbers: Float32Array
  /** As many dimensions as the kernel has directions, x first. */
  readonly output: readonly number[]
}

type Inputs = ReadonlyMap<string, Tensor | number>

/**
 * A kernel that comes with the step. Its text is parsed and only what the parser understood is printed again, with every index kept inside its
 * array, so that it reads nothing but its inputs. It is compiled for the tenant and the shapes: no buffer of another tenant or shape is used again.
 */
export const custom: KernelDef<Item, Float32Array> = {
  name: 'custom',
  summary:
    'A kernel of your own: `source` is a function of `inputs` by name (arrays, numbers) that is run for each place (`this.thread.x`, `.y`, `.z`) of `size` ([x], [x, y] or [x, y, z]); see `docs/gpu.md` for the language.',
  required: ['source', 'inputs', 'size'],
  optional: ['constants'],
  example: {
    source:
      'function (a, n) { let s = 0; for (let i = 0; i < this.constants.size; i++) { s += a[i] * n; } return s + this.thread.x; }',
    inputs: { a: [1, 2, 3], n: 2 },
    constants: { size: 3 },
    size: [2],
  },
  prepare: ({ tenant, fields }) => {
    const inputs = inputsOf(fields.inputs as KernelCall['fields'])
    const constants = constantsOf((fields.constants ?? {}) as KernelCall['fields'])
    const output = fields.size as readonly number[]
    const ranks = new Map(
      [...inputs].map(([name, input]) => [name, typeof input === 'number' ? 0 : input.shape.length]),
    )
    const source = fields.source as string
    const parsed = parseKernel(source, { inputs: ranks, constants })
    const outputs = output.reduce((a, b) => a * b, 1)
    checkCost('the result', outputs, outputs * parsed.work)
    const label = kernelLabel('custom', JSON.stringify({ source }))
    const programs = programsOf(parsed, inputs, constants, output.length, { tenant, label })
    const values = parsed.parameters.map(({ name }) => inputs.get(name)!)
    const arrays = values.filter((value) => typeof value !== 'number').map((tensor) => tensor.values)
    const numbers = values.filter((value) => typeof value === 'number')
    const elements = arrays.reduce((sum, { length }) => sum + length, outputs)
    const item = { ...programs, arrays, numbers: Float32Array.from(numbers.length === 0 ? [0] : numbers), output }
    return { key: `${programs.alone.name}/${output.join('/')}`, item, elements }
  },
  run: async (dispatch, items) => {
    const { together, output } = items[0]!
    if (items.length === 1 || together === null) {
      const results: Float32Array[] = []
      for (const item of items) results.push(await dispatch(item.alone, [...item.arrays, item.numbers], output))
      return results
    }
    const arrays = items[0]!.arrays.map((_, index) => joined(items.map((item) => item.arrays[index]!)))
    const numbers = joined(items.map((item) => item.numbers))
    return cut(await dispatch(together, [...arrays, numbers], [...output, items.length]), items.length)
  },
  finish: (result, { output }, encoding) => ({ output: encodeTensor(result, [...output].reverse(), encoding) }),
}

function inputsOf(source: KernelCall['fields']): Inputs {
  const inputs = new Map<string, Tensor | number>()
  for (const [name, value] of Object.entries(source)) {
    checkName(name)
    inputs.set(name, typeof value === 'number' ? scalarOf(name, value) : tensorOf(name, value))
  }
  const arrays = [...inputs.values()].filter((input) => typeof input !== 'number').length
  if (arrays > INPUTS_MAX) throw invalid(`'inputs' has ${arrays} arrays; expected at most ${INPUTS_MAX}`)
  return inputs
}

function constantsOf(source: KernelCall['fields']): ReadonlyMap<string, number> {
  const constants = new Map<string, number>()
  for (const [name, value] of Object.entries(source)) {
    checkName(name)
    if (typeof value !== 'number') throw invalid(`'constants.${name}' is no number; expected one`)
    constants.set(name, scalarOf(name, value))
  }
  return constants
}

function programsOf(
  parsed: KernelFunction,
  inputs: Inputs,
  constants: ReadonlyMap<string, number>,
  directions: number,
  { tenant, label }: { readonly tenant: string; readonly label: string },
): Pick<Item, 'alone' | 'together'> {
  const text = (item: string | null): string => textOf(parsed, inputs, constants, directions, item)
  const alone = text(null)
  const hash = createHash('sha256').update(`${directions}/${alone}`).digest('base64url')
  const arrays = parsed.parameters.filter(({ rank }) => rank > 0)
  const types = [...arrays, null].map(() => 'Array' as const)
  const program = (kind: string, source: string): Program => ({
    name: `custom/${tenant}/${kind}/${hash}`,
    source,
    label,
    types,
  })
  return {
    alone: program('alone', alone),
    together: directions === 3 ? null : program('together', text(placeIn(directions === 1 ? 'y' : 'z'))),
  }
}

/** Names get a prefix, so that none means anything to the compiler. `item`: which of several the thread is of. */
function textOf(
  parsed: KernelFunction,
  inputs: Inputs,
  constants: ReadonlyMap<string, number>,
  directions: number,
  item: string | null,
): string {
  const arrays = parsed.parameters.filter(({ rank }) => rank > 0).map(({ name }) => name)
  const numbers = parsed.parameters.filter(({ rank }) => rank === 0).map(({ name }) => name)
  const after = (length: number): string => (item === null ? '' : `${item} * ${length} + `)
  const body = printStatements(parsed.body, {
    variable: (name) =>
      numbers.includes(name) ? `numbers[${after(Math.max(1, numbers.length))}${numbers.indexOf(name)}]` : `u_${name}`,
    constant: (name) => constants.get(name)!,
    // a direction that the output does not have
    thread: (axis) => ('xyz'.indexOf(axis) < directions ? placeIn(axis) : '0'),
    element: (array, at) => {
      const { shape, values } = inputs.get(array) as Tensor
      return `u_${array}[${after(values.length)}${indexOf(shape, at)}]`
    },
  })
  return `function (${[...arrays.map((name) => `u_${name}`), 'numbers'].join(', ')}) {\n${body}\n}`
}

/** As a float: where integers and floats meet, OpenGL takes only one of them. */
function placeIn(axis: 'x' | 'y' | 'z'): string {
  return `Math.floor(this.thread.${axis})`
}

/** The place in the flat array; an index outside is moved to the edge. The sum makes gpu.js write the bounds as floats, as OpenGL wants them. */
function indexOf(shape: readonly number[], at: readonly string[]): string {
  return at.reduce((before, index, level) => {
    const inside = `Math.min(Math.max(Math.floor(${index}), 0), ${shape[level]! - 1})`
    return before === '' ? `(${inside} + 0)` : `(${before} * ${shape[level]} + ${inside})`
  }, '')
}
