import { kernelLabel } from '../../../../../schemas/kernel/kernel-label.ts'
import { checkName, parseFormula } from '../../../../../schemas/kernel/parse-kernel.ts'
import { printExpression } from '../../../../../schemas/kernel/print.ts'
import { INPUTS_MAX } from '../limits.ts'
import { encodeTensor, mismatch, scalarOf, shapeText, type Tensor, tensorOf } from '../tensor.ts'
import { checkCost, cut, invalid, joined, type KernelDef, type Program } from './kernel-def.ts'

interface Item {
  readonly program: Program
  readonly arrays: readonly Float32Array[]
  /** The inputs that are numbers. */
  readonly numbers: Float32Array
  readonly shape: readonly number[]
  readonly count: number
}

/** One formula for each element, however many operations it has: one program, and nothing is stored in between. */
export const map: KernelDef<Item, Float32Array> = {
  name: 'map',
  summary:
    'The `formula` for each element of `inputs`, which are arrays of one shape and numbers by name, e.g. `Math.max(a * x + b, 0)`: operators, `? :` and functions of Math.',
  required: ['formula', 'inputs'],
  optional: [],
  example: { formula: 'Math.max(a * x, 0)', inputs: { x: [-1, 2], a: 3 } },
  prepare: ({ fields }) => {
    const { names, arrays, numbers, shape } = inputsOf(fields.inputs as { readonly [name: string]: unknown })
    const formula = fields.formula as string
    const { tree, work } = parseFormula(formula, new Set([...names.arrays, ...names.numbers]))
    const count = arrays[0]!.length
    checkCost('the result', count, count * work)
    const text = printExpression(tree, {
      variable: (name) =>
        names.arrays.includes(name)
          ? `in_${name}[this.thread.x]`
          : `numbers[item * ${names.numbers.length} + ${names.numbers.indexOf(name)}]`,
      element: () => '0',
      constant: () => 0,
      thread: () => '0',
    })
    const program = programOf(text, names.arrays, kernelLabel('map', JSON.stringify({ formula })))
    return {
      key: `${program.name}/${count}`,
      item: { program, arrays, numbers, shape, count },
      elements: count * (arrays.length + 1),
    }
  },
  run: async (dispatch, items) => {
    const { program, arrays, count } = items[0]!
    const all = arrays.map((_, index) => joined(items.map((item) => item.arrays[index]!)))
    const numbers = joined(items.map((item) => item.numbers))
    return cut(await dispatch(program, [...all, numbers, count, items.length], [count * items.length]), items.length)
  },
  finish: (result, { shape }, encoding) => ({ output: encodeTensor(result, shape, encoding) }),
}

function programOf(text: string, arrays: readonly string[], label: string): Program {
  const parameters = [...arrays.map((name) => `in_${name}`), 'numbers', 'count', 'items'].join(', ')
  return {
    name: `map/${arrays.join()}/${text}`,
    label,
    types: [...arrays.map(() => 'Array' as const), 'Array', 'Float', 'Float'],
    source: `function (${parameters}) {
      const item = Math.min(Math.floor((this.thread.x + 0.5) / count), items - 1);
      return ${text};
    }`,
  }
}

function inputsOf(inputs: { readonly [name: string]: unknown }) {
  const names = { arrays: [] as string[], numbers: [] as string[] }
  const arrays: Float32Array[] = []
  const numbers: number[] = []
  let first: { readonly name: string; readonly tensor: Tensor } | null = null
  for (const [name, value] of Object.entries(inputs)) {
    checkName(name)
    if (typeof value === 'number') {
      names.numbers.push(name)
      numbers.push(scalarOf(name, value))
      continue
    }
    const tensor = tensorOf(name, value)
    first ??= { name, tensor }
    if (shapeText(first.tensor.shape) !== shapeText(tensor.shape)) {
      throw mismatch(
        `'${name}' is ${shapeText(tensor.shape)}; expected ${shapeText(first.tensor.shape)}, as '${first.name}' is`,
      )
    }
    names.arrays.push(name)
    arrays.push(tensor.values)
  }
  if (first === null) throw invalid("'inputs' has no array; expected at least one")
  if (arrays.length > INPUTS_MAX) throw invalid(`'inputs' has ${arrays.length} arrays; expected at most ${INPUTS_MAX}`)
  return { names, arrays, numbers: Float32Array.from(numbers.length === 0 ? [0] : numbers), shape: first.tensor.shape }
}
