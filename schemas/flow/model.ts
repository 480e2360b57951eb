/**
 * A flow in the form the engine runs: everything checked, defaults filled in, names resolved to indices. Made by `compileFlow` from a document;
 * a pure function of it, so it is never stored.
 */
import type { StepId } from '../ids.ts'
import type { Json } from '../json.ts'
import type { ErrorClass } from '../records/shared.ts'
import type { Pool } from '../topics.ts'

/** What expressions see. Absent names are `null`. */
export interface Scope {
  readonly input: Json
  readonly vars: Json
  /** By step id; steps that have not ended are absent. */
  readonly steps: { readonly [id: string]: StepScope }
  readonly run: {
    readonly id: string
    readonly tenant: string
    readonly flow: string
    readonly version: number
    readonly startedAt: string
  }
}
export interface StepScope {
  readonly output: Json
  readonly status: string
  readonly attempts: number
  readonly error: Json
}

/** Which payloads of a run an expression or template looks at; only those need to be parsed to evaluate it. */
export interface Reads {
  readonly input: boolean
  /** Steps named in it, in order of appearance; `all` where it takes the steps as a whole. */
  readonly steps: readonly StepId[] | 'all'
}

/** A checked JMESPath expression. */
export interface Expression {
  readonly text: string
  readonly reads: Reads
  /** @throws {ExpressionError} */
  evaluate(scope: Scope): Json
}

/** A value with `${...}` anywhere inside. */
export interface Template {
  /** True when nothing has to be rendered. */
  readonly constant: boolean
  readonly reads: Reads
  /** Set when it is nothing but `${input}` or `${steps.x.output}`: its value is that payload as it is, so its text can be used unparsed. */
  readonly verbatim: { readonly kind: 'input' } | { readonly kind: 'output'; readonly step: StepId } | null
  /** @throws {ExpressionError} e.g. `TEMPLATE_VALUE_MISSING` */
  render(scope: Scope): Json
}

export class ExpressionError extends Error {
  readonly code: string
  /** Where in the document, e.g. `steps[2].with.url`. */
  readonly path: string
  constructor(code: string, path: string, message: string) {
    super(message)
    this.name = 'ExpressionError'
    this.code = code
    this.path = path
  }
}

export type Join = { readonly kind: 'all' } | { readonly kind: 'count'; readonly count: number }

export interface RetryPolicy {
  /** In all, the first one included; 1..100. */
  readonly attempts: number
  readonly backoff: 'fixed' | 'linear' | 'exponential'
  readonly baseMs: number
  readonly maxMs: number
  /** 0..1 */
  readonly jitter: number
  /** Error codes or classes; `null`: the classes transient and recoverable. */
  readonly on: readonly string[] | null
  readonly notOn: readonly string[]
}

/** What a step does: run a block in a pool, or wait. More constructs (signal, approval, child flow) follow. */
export type StepAction =
  | { readonly kind: 'block'; readonly block: string; readonly pool: Pool; readonly with: Template }
  | { readonly kind: 'wait'; readonly forMs: number }
  | { readonly kind: 'wait_until'; readonly until: Expression }

export interface Dependency {
  /** Index of the step that comes before. */
  readonly step: number
  /** The edge counts as completed only if this holds; else as skipped. */
  readonly condition: Expression | null
}

export interface CompiledStep {
  readonly index: number
  readonly id: StepId
  readonly action: StepAction
  readonly dependencies: readonly Dependency[]
  /** Indices of the steps that depend on this one, ascending. */
  readonly dependents: readonly number[]
  readonly join: Join
  readonly when: Expression | null
  readonly retry: RetryPolicy
  readonly timeoutMs: number
  readonly optional: boolean
}

export interface CompiledFlow {
  readonly flow: string
  readonly steps: readonly CompiledStep[]
  readonly byId: ReadonlyMap<StepId, CompiledStep>
  /** Steps without dependencies, ascending. */
  readonly roots: readonly number[]
  readonly inputSchema: object | null
  /** What is wrong with a run's input, up to 10 problems; empty when it matches the schema or there is none. */
  checkInput(input: Json): readonly InputProblem[]
  readonly output: Template | null
  readonly deadlineMs: number | null
  readonly onFailure: 'fail' | 'continue'
  /** 0..9 */
  readonly priority: number
  readonly sticky: { readonly key: Expression; readonly ttlMs: number } | null
  readonly vars: Json
}

/** One thing wrong with the input of a run. */
export interface InputProblem {
  /** E.g. `input.order.lines[0].qty`. */
  readonly path: string
  readonly message: string
}

/** One thing wrong with a document. */
export interface FlowProblem {
  readonly code: string
  /** In the document, e.g. `steps[2].after[0]`; empty for the whole. */
  readonly path: string
  /** Says what was found, what was expected and, for names, the nearest right one. */
  readonly message: string
  /** In the text as it came, from 1. */
  readonly line?: number
  readonly column?: number
}

export type ErrorSelector = string | ErrorClass
