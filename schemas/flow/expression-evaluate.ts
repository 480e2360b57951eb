/**
 * Turns a syntax tree into a function once, so that evaluating needs no parser and, for plain paths like `input.order.lines[0].sku`, no tree.
 */
import type { Json } from '../json.ts'
import type { Ast, Comparator } from './expression-ast.ts'
import { type Arg, callFunction, EvaluationProblem, FUNCTIONS } from './expression-functions.ts'
import { compareScalars, deepEqual, isObject, isTrue, setOwn } from './expression-values.ts'

export type Evaluate = (value: Json) => Json

/** Values and characters that one evaluation may create. */
export const MAX_CREATED = 4 * 1024 * 1024

let created = 0
let allowed = MAX_CREATED

function charge(amount: number): void {
  created += amount
  if (created > allowed) {
    throw new EvaluationProblem(
      `the expression makes more than ${allowed} values or characters; that much belongs in a jmespath step`,
    )
  }
}

/** The function throws {@link EvaluationProblem}. It is not reentrant, which it needs not be: nothing it calls evaluates another one. */
export function compileAst(ast: Ast, maxCreated: number = MAX_CREATED): Evaluate {
  const steps = plainPath(ast)
  if (steps !== null) return walk(steps)
  const evaluate = build(ast)
  return (value) => {
    created = 0
    allowed = maxCreated
    return evaluate(value)
  }
}

/** Names and indices of a plain path, or `null` when the expression is anything else. */
export function plainPath(ast: Ast): readonly (string | number)[] | null {
  if (ast.kind === 'current') return []
  if (ast.kind === 'field') return [ast.name]
  if (ast.kind === 'index') return [ast.index]
  if (ast.kind !== 'then') return null
  const first = plainPath(ast.first)
  const second = first === null ? null : plainPath(ast.second)
  return second === null ? null : [...first!, ...second]
}

function walk(steps: readonly (string | number)[]): Evaluate {
  return (value) => {
    let current = value
    for (let i = 0; i < steps.length && current !== null; i++) {
      const step = steps[i]!
      current = typeof step === 'string' ? member(current, step) : item(current, step)
    }
    return current
  }
}

function member(value: Json, name: string): Json {
  if (!isObject(value)) return null
  const found = value[name]
  if (found === undefined) return null
  // Only what Object.prototype has can be found without being an own member.
  return name in Object.prototype && !Object.hasOwn(value, name) ? null : found
}

function item(value: Json, index: number): Json {
  if (!Array.isArray(value)) return null
  return (value[index < 0 ? value.length + index : index] as Json | undefined) ?? null
}

function build(ast: Ast): Evaluate {
  const path = plainPath(ast)
  if (path !== null) return walk(path)
  switch (ast.kind) {
    case 'literal':
      return () => ast.value
    case 'slice':
      return (value) => slice(value, ast)
    case 'then': {
      const [first, second] = [build(ast.first), build(ast.second)]
      return (value) => second(first(value))
    }
    case 'project':
      return project(build(ast.from), ast.over, null, build(ast.each))
    case 'filter':
      return project(build(ast.from), 'items', build(ast.where), build(ast.each))
    case 'flatten':
      return flatten(build(ast.from))
    case 'list': {
      const items = ast.items.map(build)
      return (value) => {
        charge(items.length)
        return value === null ? null : items.map((evaluate) => evaluate(value))
      }
    }
    case 'object':
      return object(ast.members.map(([name, part]) => [name, build(part)] as const))
    case 'or': {
      const [left, right] = [build(ast.left), build(ast.right)]
      return (value) => {
        const found = left(value)
        return isTrue(found) ? found : right(value)
      }
    }
    case 'and': {
      const [left, right] = [build(ast.left), build(ast.right)]
      return (value) => {
        const found = left(value)
        return isTrue(found) ? right(value) : found
      }
    }
    case 'not': {
      const operand = build(ast.operand)
      return (value) => !isTrue(operand(value))
    }
    case 'compare':
      return compare(ast.operator, build(ast.left), build(ast.right))
    case 'call':
      return call(ast.name, ast.args)
    default:
      throw new TypeError(`no expression of its own: ${ast.kind}`)
  }
}

function slice(value: Json, ast: Extract<Ast, { kind: 'slice' }>): Json {
  if (!Array.isArray(value)) return null
  const { step } = ast
  const bound = (at: number | null, absent: number): number => {
    if (at === null) return absent
    if (at < 0) return Math.max(at + value.length, step < 0 ? -1 : 0)
    return Math.min(at, step < 0 ? value.length - 1 : value.length)
  }
  const start = bound(ast.start, step < 0 ? value.length - 1 : 0)
  const stop = bound(ast.stop, step < 0 ? -1 : value.length)
  const result: Json[] = []
  for (let i = start; step > 0 ? i < stop : i > stop; i += step) result.push(value[i] as Json)
  charge(result.length)
  return result
}

function project(from: Evaluate, over: 'items' | 'members', where: Evaluate | null, each: Evaluate): Evaluate {
  return (value) => {
    const base = from(value)
    const list = over === 'items' ? base : isObject(base) ? Object.values(base) : null
    if (!Array.isArray(list)) return null
    charge(list.length)
    const result: Json[] = []
    for (const item of list as readonly Json[]) {
      if (where !== null && !isTrue(where(item))) continue
      const found = each(item)
      if (found !== null) result.push(found)
    }
    return result
  }
}

function flatten(from: Evaluate): Evaluate {
  return (value) => {
    const list = from(value)
    if (!Array.isArray(list)) return null
    const result = (list as Json[]).flat(1) as Json[]
    charge(result.length)
    return result
  }
}

function object(members: readonly (readonly [string, Evaluate])[]): Evaluate {
  const cost = members.reduce((total, [name]) => total + 1 + name.length, 0)
  return (value) => {
    charge(cost)
    if (value === null) return null
    const result = {}
    for (const [name, evaluate] of members) setOwn(result, name, evaluate(value))
    return result
  }
}

function compare(operator: Comparator, left: Evaluate, right: Evaluate): Evaluate {
  if (operator === 'EQ') return (value) => deepEqual(left(value), right(value))
  if (operator === 'NE') return (value) => !deepEqual(left(value), right(value))
  const wanted: readonly number[] = { GT: [1], GTE: [0, 1], LT: [-1], LTE: [-1, 0] }[operator]
  return (value) => {
    const [a, b] = [left(value), right(value)]
    const ordered = typeof a === typeof b && (typeof a === 'number' || typeof a === 'string')
    return ordered ? wanted.includes(compareScalars(a, b)) : null
  }
}

function call(name: string, args: readonly Ast[]): Evaluate {
  const definition = FUNCTIONS.get(name)!
  const parts = args.map((arg) => (arg.kind === 'reference' ? { reference: build(arg.to) } : { evaluate: build(arg) }))
  return (value) => {
    const given: Arg[] = parts.map((part) => ('reference' in part ? part.reference : part.evaluate(value)))
    const result = callFunction(name, definition, given)
    if (typeof result === 'string') charge(result.length)
    else if (Array.isArray(result)) charge(result.length)
    return result
  }
}
