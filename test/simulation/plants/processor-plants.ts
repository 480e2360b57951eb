/** Bugs in decisions, made by changing what a processor sees or does. */

import { findFlow } from '../../../processors/control/flows.ts'
import { IDEMPOTENCY, RECENT_RUNS } from '../../../processors/ingest/known-runs.ts'
import { OPERATIONS } from '../../../processors/operations/stores.ts'
import { parseStepKey, RUNS, STEPS, type StepRow } from '../../../processors/result/run-store.ts'
import { QUEUE } from '../../../processors/route/stores.ts'
import type { Decide, Processor, StoreDef, Turn } from '../../../processors/turn.ts'
import { newRunId, placementOf } from '../../../schemas/ids.ts'
import type { RecordKind, RecordOfKind } from '../../../schemas/records/index.ts'
import { TaskState } from '../../../topology/task/state.ts'
import type { Plant } from './plant.ts'

/** The processors with one handler replaced. */
function changed<K extends RecordKind>(
  processors: readonly Processor[],
  kind: K,
  change: (decide: Decide<RecordOfKind<K>>) => Decide<RecordOfKind<K>>,
): readonly Processor[] {
  return processors.map((processor) => {
    const decide = processor.handlers[kind] as Decide<RecordOfKind<K>> | undefined
    if (decide === undefined) return processor
    return { ...processor, handlers: { ...processor.handlers, [kind]: change(decide) } }
  })
}

/** A turn that differs in some of its parts. */
function altered(turn: Turn, changes: Partial<Turn>): Turn {
  return {
    now: turn.now,
    partition: turn.partition,
    partitions: turn.partitions,
    cause: turn.cause,
    controlIsCurrent: turn.controlIsCurrent,
    random: () => turn.random(),
    get: (store, key) => turn.get(store, key),
    put: (store, key, value) => turn.put(store, key, value),
    delete: (store, key) => turn.delete(store, key),
    rows: (store) => turn.rows(store),
    index: (def) => turn.index(def),
    emit: (topic, partition, record, key) => turn.emit(topic, partition, record, key),
    emitRaw: (topic, partition, key, value, headers) => turn.emitRaw(topic, partition, key, value, headers),
    reply: (to, reply) => turn.reply(to, reply),
    payload: (tenant, text) => turn.payload(tenant, text),
    stored: (tenant, text) => turn.stored(tenant, text),
    count: (name, by) => turn.count(name, by),
    ...changes,
  }
}

/** A turn in which some rows look different. */
function seeing(turn: Turn, look: (store: StoreDef<unknown>, key: string, value: unknown) => unknown): Turn {
  return altered(turn, {
    get: <V>(store: StoreDef<V>, key: string) =>
      look(store as unknown as StoreDef<unknown>, key, turn.get(store, key)) as V | undefined,
  })
}

const is = (store: StoreDef<unknown>, other: { readonly id: number }) => store.id === other.id

export const dedupeOff: Plant = {
  name: 'dedupe-off',
  meaning: 'a submission that was seen before is taken for a new one',
  processors: (processors) =>
    changed(processors, 'SubmitRun', (decide) => (turn, record, source) => {
      const forgetful = seeing(turn, (store, _key, value) =>
        is(store, IDEMPOTENCY) || is(store, RECENT_RUNS) || is(store, RUNS) ? undefined : value,
      )
      decide(forgetful, record, source)
    }),
}

export const operationBegunTwice: Plant = {
  name: 'operation-begun-twice',
  meaning: 'a start that is repeated begins the operation anew',
  processors: (processors) =>
    changed(processors, 'StartOperation', (decide) => (turn, record, source) => {
      decide(
        seeing(turn, (store, _key, value) => (is(store, OPERATIONS) ? undefined : value)),
        record,
        source,
      )
    }),
}

export const conflictAccepted: Plant = {
  name: 'conflict-accepted',
  meaning: 'an idempotency key with another body gets the first run',
  processors: (processors) =>
    changed(processors, 'SubmitRun', (decide) => (turn, record, source) => {
      const row =
        record.idempotencyKey === null ? undefined : turn.get(IDEMPOTENCY, `${record.tenant}/${record.idempotencyKey}`)
      if (row === undefined || record.replyTo === null) return decide(turn, record, source)
      turn.reply(record.replyTo, { ok: true, code: 'duplicate', body: { run_id: row.runId, status: 'accepted' } })
    }),
}

export const lateResultApplied: Plant = {
  name: 'late-result-applied',
  meaning: 'a result that comes when its attempt has ended is applied again',
  processors: (processors) =>
    changed(processors, 'AttemptFinished', (decide) => (turn, record, source) => {
      const late = seeing(turn, (store, _key, value) => {
        if (!is(store, STEPS) || value === undefined) return value
        const row = value as StepRow
        return row.state === 'completed' && row.attempt === record.attempt ? { ...row, state: 'ready' } : row
      })
      decide(late, record, source)
    }),
}

export const slotNotFreed: Plant = {
  name: 'slot-not-freed',
  meaning: 'an attempt that failed keeps its slot',
  processors: (processors) =>
    changed(processors, 'SlotReleased', (decide) => (turn, record, source) => {
      if (record.reason === 'withdrawn' || record.attempt < 2) decide(turn, record, source)
    }),
}

export const rateDoubled: Plant = {
  name: 'rate-doubled',
  meaning: 'a tenant’s bucket fills twice as fast as its rate says',
  processors: (processors) =>
    changed(processors, 'StepReady', (decide) => (turn, record, source) => {
      const hasty = seeing(turn, (store, _key, value) => {
        if (store.name !== 'tenants' || value === undefined) return value
        const policy = value as { readonly ratePerSecond: number | null }
        return { ...policy, ratePerSecond: policy.ratePerSecond === null ? null : policy.ratePerSecond * 2 }
      })
      decide(hasty, record, source)
    }),
}

export const stickyKeyDecides: Plant = {
  name: 'sticky-key-decides',
  meaning: 'an idempotency key is only recognised along with the same sticky key',
  processors: (processors) =>
    changed(processors, 'SubmitRun', (decide) => (turn, record, source) => {
      const { idempotencyKey, stickyKey } = record
      if (idempotencyKey === null || stickyKey === null) return decide(turn, record, source)
      decide(turn, { ...record, idempotencyKey: `${idempotencyKey} ${stickyKey}` }, source)
    }),
}

export const limitIgnored: Plant = {
  name: 'limit-ignored',
  meaning: 'a tenant’s limit is compared with one slot too few',
  processors: (processors) =>
    changed(processors, 'StepReady', (decide) => (turn, record, source) => {
      const generous = altered(turn, {
        get: <V>(store: StoreDef<V>, key: string) => {
          const value = turn.get(store, key)
          if (store.name !== 'tenants' || value === undefined) return value
          const policy = value as unknown as { maxConcurrency: number | null }
          const maxConcurrency = policy.maxConcurrency === null ? null : policy.maxConcurrency + turn.partitions
          return { ...policy, maxConcurrency } as unknown as V
        },
      })
      decide(generous, record, source)
    }),
}

export const cancelledRunCompletes: Plant = {
  name: 'cancelled-run-completes',
  meaning: 'a cancel is confirmed and then forgotten',
  processors: (processors) =>
    changed(processors, 'CancelRun', (decide) => (turn, record, source) => {
      if (turn.get(RUNS, record.runId) === undefined || record.replyTo === null) return decide(turn, record, source)
      turn.reply(record.replyTo, { ok: true, code: 'cancelled', body: { run_id: record.runId, status: 'cancelled' } })
    }),
}

export const joinFiresTwice: Plant = {
  name: 'join-fires-twice',
  meaning: 'a join that has fired fires again at the next dependency',
  processors: (processors) =>
    changed(processors, 'AttemptFinished', (decide) => (turn, record, source) => {
      const again = seeing(turn, (store, key, value) => {
        if (!is(store, STEPS) || value === undefined) return value
        const { runId, stepId } = parseStepKey(key)
        const row = value as StepRow
        const head = turn.get(RUNS, runId)
        if (head === undefined || row.state !== 'completed' || stepId === record.stepId) return row
        const step = findFlow(turn, head.tenant, head.flow, head.version)?.flow.byId.get(stepId)
        return step?.join.kind === 'count' ? { ...row, state: 'pending', attempt: 0 } : row
      })
      decide(again, record, source)
    }),
}

export const cancelMissesQueue: Plant = {
  name: 'cancel-misses-queue',
  meaning: 'a step that waits for its turn keeps its place when its run ends',
  processors: (processors) =>
    changed(processors, 'SlotReleased', (decide) => (turn, record, source) => {
      const row = turn.get(QUEUE, `${record.runId}/${record.stepId}`)
      if (record.reason === 'finished' || row === undefined || row.partition !== null) decide(turn, record, source)
    }),
}

export const replayDoubles: Plant = {
  name: 'replay-doubles',
  meaning: 'a replay makes two runs of one letter',
  processors: (processors) =>
    processors.map((processor) => ({
      ...processor,
      due: processor.due.map((due) => ({
        ...due,
        handle: (turn: Turn, key: string, value: unknown) => due.handle(doublingReplays(turn), key, value),
      })),
    })),
}

function doublingReplays(turn: Turn): Turn {
  return altered(turn, {
    emit(topic, partition, record, key) {
      turn.emit(topic, partition, record, key)
      if (record.kind !== 'SubmitRun' || record.replay === null || record.runId === null) return
      const runId = newRunId(placementOf(record.runId), () => turn.random())
      turn.emit(topic, partition, { ...record, runId }, runId)
    },
  })
}

export const brokenRunWithoutEnd: Plant = {
  name: 'broken-run-without-end',
  meaning: 'the run of a submission that made its processor throw gets no end',
  processors: (processors) =>
    changed(processors, 'DeadLetter', (decide) => (turn, record, source) => {
      const silent = altered(turn, {
        emit(topic, partition, emitted, key) {
          if (emitted.kind !== 'RunRejected') turn.emit(topic, partition, emitted, key)
        },
      })
      decide(silent, record, source)
    }),
}

export const undoOff: Plant = {
  name: 'undo-off',
  meaning: 'what a decision changed before it threw stays changed',
  install() {
    const { undo } = TaskState.prototype
    TaskState.prototype.undo = TaskState.prototype.keep
    return () => {
      TaskState.prototype.undo = undo
    }
  },
}

export const staleSnapshot: Plant = {
  name: 'stale-snapshot',
  meaning: 'a snapshot says it is newer than it is',
  snapshots: (store) => ({
    load: async (taskId, logId) => {
      const snapshot = await store.load(taskId, logId)
      if (snapshot === null) return null
      const entries = [...snapshot.entries]
      return { position: snapshot.position, entries: entries.slice(0, -3) }
    },
    save: (taskId, logId, snapshot) => store.save(taskId, logId, snapshot),
    discard: (taskId) => store.discard(taskId),
  }),
}
