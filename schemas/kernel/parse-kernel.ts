/** Kernels: functions of the kernel language. */
import { type Names, parseExpression, parseNumber, parseTest, Reader } from './parse-expression.ts'
import {
  type Expression,
  type KernelFunction,
  KernelProblem,
  type Parameter,
  type Statement,
  type Type,
} from './syntax.ts'

export interface KernelNames {
  /** Rank of each input, 0 for a number, or `UNKNOWN_RANK`. */
  readonly inputs: ReadonlyMap<string, number>
  readonly constants: ReadonlyMap<string, number>
}

interface Variable {
  readonly type: Type
  /** A counter of a loop cannot be assigned, or the loop might not end. */
  readonly isCounter: boolean
}

interface Scope {
  readonly reader: Reader
  readonly given: KernelNames
  readonly variables: Map<string, Variable>
  readonly names: Names
}

const RESERVED = new Set('this Math function return if else for while do let const var true false null'.split(' '))
const ASSIGNS = ['=', '+=', '-=', '*=', '/='] as const
/** Loops in one another multiply; beyond this a thread would keep a device for too long. */
const WORK_MAX = 2 ** 31

/**
 * `function (a, b) { ... }`, whose parameters are inputs by name. It must end with `return`, loops have bounds that are known beforehand.
 * @throws {KernelProblem} that says what was found, what was expected and where
 */
export function parseKernel(source: string, given: KernelNames): KernelFunction {
  const reader = new Reader(source)
  reader.expect('function')
  if (reader.token.kind === 'name') reader.take()
  const parameters = parseParameters(reader, given)
  const scope = scopeOf(reader, given, new Map())
  const { body, work } = block(scope)
  if (reader.token.kind !== 'end') throw reader.wrong('nothing after the function')
  if (!returns(body)) throw reader.wrong("'return' on every way to the end of the function")
  return { parameters, body, work }
}

/** One expression over numbers by name, e.g. `Math.max(x, 0) * a`. @throws {KernelProblem} */
export function parseFormula(
  source: string,
  variables: ReadonlySet<string>,
): { readonly tree: Expression; readonly work: number } {
  const reader = new Reader(source)
  const names: Names = {
    rankOf: (name) => (variables.has(name) ? 0 : null),
    typeOf: () => 'number',
    constant: () => undefined,
    threads: false,
  }
  const tree = parseNumber(reader, names)
  if (reader.token.kind !== 'end') throw reader.wrong('an operator or the end')
  return { tree, work: reader.nodes }
}

/** Names that inputs, constants and variables may have. @throws {KernelProblem} */
export function checkName(name: string): void {
  if (/^[A-Za-z_][A-Za-z0-9_]{0,39}$/.test(name) && !RESERVED.has(name)) return
  throw new KernelProblem(`'${name.slice(0, 60)}' cannot be a name; expected letters, digits and '_'`)
}

function parseParameters(reader: Reader, given: KernelNames): readonly Parameter[] {
  reader.expect('(')
  const parameters: Parameter[] = []
  while (!reader.is(')')) {
    if (parameters.length > 0) reader.expect(',')
    const token = reader.name('a parameter')
    const rank = given.inputs.get(token.text)
    if (rank === undefined) throw reader.wrong(`one of the inputs ${[...given.inputs.keys()].join(', ')}`, token)
    if (parameters.some(({ name }) => name === token.text)) throw reader.wrong('every parameter once', token)
    parameters.push({ name: token.text, rank })
  }
  reader.expect(')')
  for (const name of given.inputs.keys()) {
    if (parameters.some((parameter) => parameter.name === name)) continue
    throw new KernelProblem(`the input '${name}' is no parameter of the kernel; expected it to be one`)
  }
  return parameters
}

function scopeOf(reader: Reader, given: KernelNames, variables: Map<string, Variable>): Scope {
  const names: Names = {
    rankOf: (name) => (variables.has(name) ? 0 : (given.inputs.get(name) ?? null)),
    typeOf: (name) => variables.get(name)?.type ?? 'number',
    constant: (name) => given.constants.get(name),
    threads: true,
  }
  return { reader, given, variables, names }
}

interface Parsed {
  readonly body: readonly Statement[]
  readonly work: number
}

function block(outer: Scope): Parsed {
  const { reader } = outer
  return reader.within(() => {
    const scope = scopeOf(reader, outer.given, new Map(outer.variables))
    const body: Statement[] = []
    let work = 0
    const add = (): void => {
      const before = reader.nodes
      const extra = statement(scope, body)
      work += extra ?? reader.nodes - before + 1
    }
    if (reader.taken('{')) {
      while (!reader.taken('}')) add()
    } else add()
    return { body, work }
  })
}

/** Adds statements; answers with their work if it is not the number of their parts. */
function statement(scope: Scope, body: Statement[]): number | null {
  const { reader, names } = scope
  if (reader.taken(';')) return null
  if (reader.is('let') || reader.is('const') || reader.is('var')) {
    declare(scope, body)
    end(reader)
    return null
  }
  if (reader.taken('return')) {
    body.push({ kind: 'return', value: parseNumber(reader, names) })
    end(reader)
    return null
  }
  if (reader.taken('if')) return choice(scope, body)
  if (reader.taken('for')) return loop(scope, body)
  assign(scope, body)
  end(reader)
  return null
}

/** A semicolon, which may be missing before a bracket, the end or at the end of a line. */
function end(reader: Reader): void {
  if (reader.taken(';') || reader.is('}') || reader.token.kind === 'end') return
  const { at } = reader.token
  const before = reader.source.slice(0, at)
  if (!/\n\s*$/.test(before)) throw reader.wrong("';' or a new line")
}

function declare({ reader, names, variables, given }: Scope, body: Statement[]): void {
  reader.take()
  const token = reader.name('a name')
  checkName(token.text)
  if (variables.has(token.text) || given.inputs.has(token.text)) throw reader.wrong('a name that is not taken', token)
  reader.expect('=')
  const { tree, type } = parseExpression(reader, names)
  if (type !== 'number') throw reader.wrong('a number to begin with', token)
  body.push({ kind: 'declare', name: token.text, value: tree })
  variables.set(token.text, { type, isCounter: false })
}

function assign({ reader, names, variables }: Scope, body: Statement[]): void {
  const token = reader.token
  if (token.kind !== 'name') throw reader.wrong('a statement')
  reader.take()
  const variable = variables.get(token.text)
  if (variable === undefined) throw reader.wrong('let, if, for, return or a variable to assign', token)
  if (variable.isCounter) throw reader.wrong('a variable that is no counter of a loop', token)
  const target: Expression = { kind: 'variable', name: token.text }
  const sign = reader.token
  if (reader.taken('++') || reader.taken('--')) {
    const operator = sign.text === '++' ? '+' : '-'
    const value: Expression = { kind: 'binary', operator, left: target, right: { kind: 'literal', value: 1 } }
    body.push({ kind: 'assign', name: token.text, value })
    return
  }
  const operator = ASSIGNS.find((known) => reader.taken(known))
  if (operator === undefined) throw reader.wrong(`one of ${ASSIGNS.join(' ')} ++ --`)
  const right = parseNumber(reader, names)
  const value: Expression =
    operator === '=' ? right : { kind: 'binary', operator: operator[0] as '+' | '-' | '*' | '/', left: target, right }
  body.push({ kind: 'assign', name: token.text, value })
}

function choice(scope: Scope, body: Statement[]): number {
  const { reader, names } = scope
  const before = reader.nodes
  reader.expect('(')
  const test = parseTest(reader, names)
  reader.expect(')')
  const work = reader.nodes - before + 1
  const yes = block(scope)
  const no = reader.taken('else') ? block(scope) : { body: [], work: 0 }
  body.push({ kind: 'if', test, yes: yes.body, no: no.body })
  return work + Math.max(yes.work, no.work)
}

/** `for (let i = 0; i < 10; i++)`: bounds are whole numbers or constants. */
function loop(scope: Scope, body: Statement[]): number {
  const { reader, variables, given } = scope
  const at = reader.token
  reader.expect('(')
  reader.expect('let')
  const counter = reader.name('a name')
  checkName(counter.text)
  if (variables.has(counter.text) || given.inputs.has(counter.text)) throw reader.wrong('a name not taken', counter)
  reader.expect('=')
  const from = bound(reader, given)
  reader.expect(';')
  reader.expect(counter.text)
  const isInclusive = reader.taken('<=')
  if (!isInclusive) reader.expect('<')
  const to = bound(reader, given) + (isInclusive ? 1 : 0)
  reader.expect(';')
  reader.expect(counter.text)
  const isByOne = reader.taken('++')
  if (!isByOne) reader.expect('+=')
  const step = isByOne ? 1 : bound(reader, given)
  if (step < 1) throw reader.wrong('a step of at least 1', at)
  reader.expect(')')
  const inner = scopeOf(reader, given, new Map(variables).set(counter.text, { type: 'number', isCounter: true }))
  const parsed = block(inner)
  const work = 1 + Math.max(0, Math.ceil((to - from) / step)) * (parsed.work + 1)
  if (work > WORK_MAX) throw reader.wrong(`a loop of at most ${WORK_MAX} operations; this one has ${work}`, at)
  body.push({ kind: 'for', name: counter.text, from, to, step, body: parsed.body })
  return work
}

function bound(reader: Reader, { constants }: KernelNames): number {
  const token = reader.token
  const sign = reader.taken('-') ? -1 : 1
  let value: number
  if (reader.taken('this')) {
    reader.expect('.')
    reader.expect('constants')
    reader.expect('.')
    value = constants.get(reader.name('the name of a constant').text) ?? Number.NaN
  } else if (reader.token.kind === 'number') value = Number(reader.take().text)
  else throw reader.wrong('a whole number or this.constants.name, known before the loop', token)
  if (!Number.isInteger(value) || Math.abs(value) > 2 ** 24) throw reader.wrong('a whole number up to 2^24', token)
  return sign * value
}

/** Whether every way through the statements ends with `return`. */
function returns(body: readonly Statement[]): boolean {
  const last = body.at(-1)
  if (last === undefined) return false
  if (last.kind === 'return') return true
  return last.kind === 'if' && returns(last.yes) && returns(last.no)
}
