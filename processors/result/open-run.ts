/**
 * A run while a decision works on it. Changes are kept aside and written once, at the end, so that a row changed twice is written once and the
 * rows of a run that ends are only deleted.
 */
import type { CompiledFlow, CompiledStep } from '../../schemas/flow/model.ts'
import type { RunId } from '../../schemas/ids.ts'
import type { JsonText } from '../../schemas/json.ts'
import type { ErrorInfo } from '../../schemas/records/shared.ts'
import { findFlow, type KnownFlow } from '../control/flows.ts'
import type { Turn } from '../turn.ts'
import { PAYLOADS, type PayloadRow, RUNS, type RunHead, STEPS, type StepRow, stepKey } from './run-store.ts'

export interface OpenRun {
  readonly turn: Turn
  readonly id: RunId
  readonly flow: CompiledFlow
  head: RunHead
  headChanged: boolean
  /** True once the run has its end; nothing may change any more. */
  over: boolean
  /** Changed rows, by index of step. */
  readonly steps: Map<number, StepRow>
  /** New outputs, by index of step. */
  readonly outputs: Map<number, PayloadRow>
  /** Steps whose end the steps after them have not been told yet, in order. */
  readonly ended: number[]
  /** Steps that became ready in this decision. */
  readonly ready: number[]
  /** What ends the run at once. */
  fatal: { readonly step: CompiledStep; readonly error: ErrorInfo } | null
}

/** The run, or `null` if it is unknown or has ended. */
export function openRun(turn: Turn, id: RunId): OpenRun | null {
  const head = turn.get(RUNS, id)
  if (head === undefined) return null
  return workOn(turn, id, knownFlow(turn, id, head).flow, head)
}

const NO_STEPS: Map<number, StepRow> = new Map()
const NO_OUTPUTS: Map<number, PayloadRow> = new Map()
const NOTHING: number[] = []

/** The run for whoever only reads: nothing of it may be changed. */
export function viewRun(turn: Turn, id: RunId): OpenRun | null {
  const head = turn.get(RUNS, id)
  if (head === undefined) return null
  const { flow } = knownFlow(turn, id, head)
  const changes = { steps: NO_STEPS, outputs: NO_OUTPUTS, ended: NOTHING, ready: NOTHING }
  return { turn, id, flow, head, headChanged: false, over: false, fatal: null, ...changes }
}

function knownFlow(turn: Turn, id: RunId, head: RunHead): KnownFlow {
  const known = findFlow(turn, head.tenant, head.flow, head.version)
  if (known === null) throw new Error(`run ${id} has a flow version that is unknown: ${head.flow} ${head.version}`)
  return known
}

export function workOn(turn: Turn, id: RunId, flow: CompiledFlow, head: RunHead): OpenRun {
  return {
    turn,
    id,
    flow,
    head,
    headChanged: false,
    over: false,
    steps: new Map(),
    outputs: new Map(),
    ended: [],
    ready: [],
    fatal: null,
  }
}

export function stepRow(run: OpenRun, step: CompiledStep): StepRow | undefined {
  return run.steps.get(step.index) ?? run.turn.get(STEPS, stepKey(run.id, step.id))
}

export function inputRow(run: OpenRun): PayloadRow {
  const row = run.turn.get(PAYLOADS, run.id)
  if (row === undefined) throw new Error(`run ${run.id} has no input row`)
  return row
}

export function outputRow(run: OpenRun, step: CompiledStep): PayloadRow | undefined {
  return run.outputs.get(step.index) ?? run.turn.get(PAYLOADS, stepKey(run.id, step.id))
}

export function outputText(run: OpenRun, step: CompiledStep): JsonText {
  return outputRow(run, step)?.text ?? ('null' as JsonText)
}

export function changeHead(run: OpenRun, change: Partial<RunHead>): void {
  run.head = { ...run.head, ...change }
  run.headChanged = true
}

/** Writes what changed; for a run that has not ended. */
export function saveRun(run: OpenRun): void {
  const { turn, id, flow } = run
  if (run.headChanged) turn.put(RUNS, id, run.head)
  for (const [index, row] of run.steps) turn.put(STEPS, stepKey(id, flow.steps[index]!.id), row)
  for (const [index, row] of run.outputs) turn.put(PAYLOADS, stepKey(id, flow.steps[index]!.id), row)
}
