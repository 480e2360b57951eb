import type { Json } from '../../../../../schemas/json.ts'
import { kernelLabel } from '../../../../../schemas/kernel/kernel-label.ts'
import { checkName, parseFormula } from '../../../../../schemas/kernel/parse-kernel.ts'
import { printExpression } from '../../../../../schemas/kernel/print.ts'
import { BlockError } from '../../../block.ts'
import { scalarOf } from '../tensor.ts'
import { checkCost, cut, invalid, type KernelDef, oneOf, type Program } from './kernel-def.ts'

type Distribution = 'uniform' | 'normal'

interface Item {
  readonly program: Program
  readonly numbers: Float32Array
  readonly samples: number
  readonly seed: number
}

export interface Estimate {
  readonly mean: number
  readonly error: number
}

/** Each has a stream of its own; the spread of their means gives the error. */
const THREADS = 1_024
const VARIABLES_MAX = 8

/**
 * Wichmann and Hill's generator: three small ones in whole numbers below 2^24, so that 32-bit floats of every backend do it exactly.
 * A quotient that is rounded the wrong way is put right.
 */
const STREAMS = [
  { name: 'ra', factor: 171, modulus: 30_269 },
  { name: 'rb', factor: 172, modulus: 30_307 },
  { name: 'rc', factor: 170, modulus: 30_323 },
] as const

export const monteCarlo: KernelDef<Item, Estimate> = {
  name: 'monte-carlo',
  summary:
    'The mean of `formula` over random `variables` (`uniform` in [0, 1) or `normal`) and numbers in `inputs`, from `samples` draws, as `{mean, error, samples}`; `error` is the standard error. The same `seed` gives the same draws.',
  required: ['formula', 'variables', 'samples'],
  optional: ['inputs', 'seed'],
  example: {
    formula: 'x * x + y * y < 1 ? 4 : 0',
    variables: { x: 'uniform', y: 'uniform' },
    samples: 10_000,
    seed: 1,
  },
  prepare: ({ fields }) => {
    const variables = variablesOf(fields.variables as { readonly [name: string]: unknown })
    const inputs = numbersOf((fields.inputs ?? {}) as { readonly [name: string]: unknown }, variables)
    const names = [...inputs.keys()]
    const formula = fields.formula as string
    const { tree, work } = parseFormula(formula, new Set([...variables.keys(), ...names]))
    const text = printExpression(tree, {
      variable: (name) =>
        variables.has(name)
          ? `v_${name}`
          : `numbers[this.thread.y * ${Math.max(1, names.length)} + ${names.indexOf(name)}]`,
      element: () => '0',
      constant: () => 0,
      thread: () => '0',
    })
    const samples = Math.ceil((fields.samples as number) / THREADS) * THREADS
    checkCost('the simulation', THREADS, samples * (work + 30 * variables.size))
    const program = programOf(text, variables, kernelLabel('monte-carlo', JSON.stringify({ formula })))
    const numbers = Float32Array.from(names.length === 0 ? [0] : inputs.values())
    const item = { program, numbers, samples, seed: (fields.seed as number | undefined) ?? 0 }
    return { key: `${program.name}/${samples}`, item, elements: 4 * THREADS }
  },
  run: async (dispatch, items) => {
    const { program, samples } = items[0]!
    const seeds = STREAMS.map(({ modulus }, stream) => seedsOf(items, stream, modulus))
    const numbers = Float32Array.from(items.flatMap((item) => Array.from(item.numbers)))
    const all = await dispatch(program, [...seeds, numbers, samples / THREADS], [THREADS, items.length])
    return cut(all, items.length).map(estimate)
  },
  finish: ({ mean, error }, { samples }) => {
    if (!Number.isFinite(mean) || !Number.isFinite(error)) {
      throw new BlockError('NOT_FINITE', `the mean is ${mean}; expected a formula that is finite for every draw`)
    }
    return { mean, error, samples } satisfies { readonly [field: string]: Json }
  },
}

function variablesOf(source: { readonly [name: string]: unknown }): ReadonlyMap<string, Distribution> {
  const variables = new Map<string, Distribution>()
  for (const [name, value] of Object.entries(source)) {
    checkName(name)
    variables.set(name, oneOf(`variables.${name}`, value, ['uniform', 'normal']))
  }
  if (variables.size === 0 || variables.size > VARIABLES_MAX) {
    throw invalid(`'variables' has ${variables.size}; expected 1 to ${VARIABLES_MAX}`)
  }
  return variables
}

function numbersOf(source: { readonly [name: string]: unknown }, variables: ReadonlyMap<string, Distribution>) {
  const numbers = new Map<string, number>()
  for (const [name, value] of Object.entries(source)) {
    checkName(name)
    if (typeof value !== 'number') throw invalid(`'inputs.${name}' is no number; expected one`)
    if (variables.has(name)) throw invalid(`'${name}' is a variable and an input; expected one of them`)
    numbers.set(name, scalarOf(name, value))
  }
  return numbers
}

function programOf(text: string, variables: ReadonlyMap<string, Distribution>, label: string): Program {
  const draws = [...variables].map(([name, distribution]) => draw(name, distribution)).join('\n')
  const starts = STREAMS.map(({ name }) => `let ${name} = ${name}s[this.thread.y * ${THREADS} + this.thread.x];`).join(
    '\n',
  )
  return {
    name: `monte-carlo/${[...variables].join()}/${text}`,
    label,
    types: ['Array', 'Array', 'Array', 'Array', 'Float'],
    source: `function (ras, rbs, rcs, numbers, draws) {
      ${starts}
      let sum = 0;
      for (let i = 0; i < draws; i++) {
        ${draws}
        sum += ${text};
      }
      return sum / draws;
    }`,
  }
}

/** Box and Muller make a normal one of two uniform ones. */
function draw(name: string, distribution: Distribution): string {
  if (distribution === 'uniform') return `${uniform(`u_${name}`)}\nconst v_${name} = u_${name};`
  return `${uniform(`u_${name}`)}\n${uniform(`w_${name}`)}
    const v_${name} = Math.sqrt(-2 * Math.log(Math.max(u_${name}, 0.00000006))) * Math.cos(6.2831853 * w_${name});`
}

function uniform(name: string): string {
  const steps = STREAMS.map(
    ({ name: r, factor, modulus }) => `${r} = ${r} * ${factor};
    ${r} = ${r} - ${modulus} * Math.floor(${r} / ${modulus});
    if (${r} < 0) { ${r} = ${r} + ${modulus}; }
    if (${r} >= ${modulus}) { ${r} = ${r} - ${modulus}; }`,
  )
  const sum = STREAMS.map(({ name: r, modulus }) => `${r} / ${modulus}`).join(' + ')
  return `${steps.join('\n')}\nlet ${name} = ${sum};\n${name} = ${name} - Math.floor(${name});`
}

/** Starts of the streams: from 1 to one below the modulus, from a hash of seed, thread and stream. */
function seedsOf(items: readonly Item[], stream: number, modulus: number): Float32Array {
  const seeds = new Float32Array(items.length * THREADS)
  for (const [index, { seed }] of items.entries()) {
    for (let thread = 0; thread < THREADS; thread++) {
      seeds[index * THREADS + thread] = 1 + (mix(mix(mix(seed) + thread) + stream) % (modulus - 1))
    }
  }
  return seeds
}

/** A 32-bit finaliser (Murmur 3). */
function mix(value: number): number {
  let h = (value ^ 0x9e3779b9) >>> 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

function estimate(means: Float32Array): Estimate {
  const mean = means.reduce((sum, value) => sum + value, 0) / means.length
  const variance = means.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (means.length - 1)
  return { mean, error: Math.sqrt(variance / means.length) }
}
