/** What expressions of a run see. Everything is looked up and parsed only when it is read. */
import type { Scope, StepScope } from '../../schemas/flow/model.ts'
import type { StepId } from '../../schemas/ids.ts'
import { type Json, parseJson } from '../../schemas/json.ts'
import { inputRow, type OpenRun, outputRow, stepRow } from './open-run.ts'
import { parsePayload } from './payloads.ts'
import { hasEnded } from './states.ts'

/** `seen`: only the first so many steps that ended are there. */
export function scopeOf(run: OpenRun, seen = Number.POSITIVE_INFINITY): Scope {
  let steps: Scope['steps'] | undefined
  return {
    get input(): Json {
      return parsePayload(run, inputRow(run))
    },
    vars: run.flow.vars,
    get steps(): Scope['steps'] {
      steps ??= stepsOf(run, seen)
      return steps
    },
    get run(): Scope['run'] {
      const { tenant, flow, version, startedAtMs } = run.head
      return { id: run.id, tenant, flow, version, startedAt: new Date(startedAtMs).toISOString() }
    },
  }
}

/** Behaves like an object with an entry per step that has ended, and costs nothing for those that are not read. */
function stepsOf(run: OpenRun, seen: number): Scope['steps'] {
  const find = (name: string | symbol): StepScope | undefined =>
    typeof name === 'string' ? stepScope(run, name, seen) : undefined
  return new Proxy<{ [id: string]: StepScope }>(
    {},
    {
      get: (_target, name) => find(name),
      has: (_target, name) => find(name) !== undefined,
      ownKeys: () => run.flow.steps.filter((step) => find(step.id) !== undefined).map((step) => step.id),
      getOwnPropertyDescriptor: (_target, name) => {
        const value = find(name)
        return value === undefined ? undefined : { value, enumerable: true, configurable: true, writable: false }
      },
    },
  )
}

function stepScope(run: OpenRun, id: string, seen: number): StepScope | undefined {
  const step = run.flow.byId.get(id as StepId)
  const row = step === undefined ? undefined : stepRow(run, step)
  if (step === undefined || row === undefined || !hasEnded(row.state) || row.order > seen) return undefined
  return {
    get output(): Json {
      const payload = outputRow(run, step)
      return payload === undefined ? null : parsePayload(run, payload)
    },
    status: row.state,
    attempts: row.attempt,
    get error(): Json {
      if (row.error === null) return null
      const { code, message, class: errorClass, detail } = row.error
      return { code, message, class: errorClass, detail: detail === null ? null : parseJson(detail) }
    },
  }
}
