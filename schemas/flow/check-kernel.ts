/** Formulas and kernels of steps, read when the flow is published as far as their inputs are known by name. */
import type { Json } from '../json.ts'
import { checkName, parseFormula, parseKernel } from '../kernel/parse-kernel.ts'
import { KernelProblem, UNKNOWN_RANK } from '../kernel/syntax.ts'
import { isObject, type JsonObject } from './expression-values.ts'
import type { Path, Problems } from './problems.ts'
import { literalText } from './template.ts'

/** Which fields hold names, and which the text that uses them. */
const TEXTS: { readonly [kernel: string]: { readonly text: string; readonly names: readonly string[] } } = {
  map: { text: 'formula', names: ['inputs'] },
  'monte-carlo': { text: 'formula', names: ['variables', 'inputs'] },
  custom: { text: 'source', names: ['inputs'] },
}

/** Reports a text that is not of the kernel language. */
export function checkKernel(input: JsonObject, at: Path, problems: Problems): void {
  const { kernel } = input
  if (typeof kernel !== 'string' || !Object.hasOwn(TEXTS, kernel)) return
  const { text: field, names } = TEXTS[kernel]!
  const given = input[field]
  const text = typeof given === 'string' ? literalText(given) : null
  const inputs = membersOf(names.map((name) => input[name]))
  const constants = membersOf([input.constants])
  if (text === null || inputs === null || constants === null) return
  try {
    for (const [name] of [...inputs, ...constants]) checkName(name)
    if (field === 'formula') parseFormula(text, new Set(inputs.keys()))
    // without their values nothing is known of loops that end at them
    else if ([...constants.values()].every((value) => typeof value === 'number')) {
      parseKernel(text, { inputs: ranksOf(inputs), constants: constants as ReadonlyMap<string, number> })
    }
  } catch (error) {
    if (!(error instanceof KernelProblem)) throw error
    problems.report('INVALID_KERNEL', [...at, field], error.message)
  }
}

/** Of several objects together; `null` where one is an expression, so that its names are not known. */
function membersOf(values: readonly (Json | undefined)[]): ReadonlyMap<string, Json> | null {
  const members = new Map<string, Json>()
  for (const value of values) {
    if (value === undefined) continue
    if (!isObject(value)) return null
    for (const [name, member] of Object.entries(value)) members.set(name, member)
  }
  return members
}

function ranksOf(inputs: ReadonlyMap<string, Json>): ReadonlyMap<string, number> {
  return new Map([...inputs].map(([name, value]) => [name, typeof value === 'number' ? 0 : UNKNOWN_RANK]))
}
