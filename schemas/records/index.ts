/** Every record kind of every topic, with the number it has on the wire. Numbers are never reused. */
import type { AnyRecordDef, RecordOf } from '../define.ts'
import * as control from './control.ts'
import * as dlq from './dlq.ts'
import * as events from './events.ts'
import * as execute from './execute.ts'
import * as ingest from './ingest.ts'
import * as operations from './operations.ts'
import * as replies from './replies.ts'
import * as result from './result.ts'
import * as route from './route.ts'

export const RECORDS = {
  1: ingest.SubmitRun,
  10: route.StepReady,
  11: route.SlotReleased,
  12: route.WorkerChanged,
  13: route.DescribeRoute,
  14: route.WorkerDevice,
  20: execute.ExecuteStep,
  21: execute.CancelStep,
  30: result.AttemptFinished,
  31: result.CancelRun,
  40: dlq.DeadLetter,
  41: dlq.PlanReplay,
  42: dlq.ReplayDeadLetters,
  43: dlq.DiscardDeadLetters,
  44: operations.AddOperationItems,
  45: operations.StartOperation,
  46: operations.StopOperation,
  50: control.FlowPublished,
  51: control.TenantChanged,
  52: control.SchemaChanged,
  53: control.PublishFlow,
  54: control.ChangeTenant,
  55: control.FlowDeprecated,
  56: control.DeprecateFlow,
  60: events.RunAccepted,
  61: events.RunRejected,
  62: events.StepQueued,
  63: events.StepStarted,
  64: events.StepRetrying,
  65: events.StepWaiting,
  66: events.StepCompleted,
  67: events.StepFailed,
  68: events.StepSkipped,
  69: events.StepCancelled,
  70: events.RunCompleted,
  71: events.RunFailed,
  72: events.RunCancelled,
  73: events.RunTimedOut,
  80: events.LetterStored,
  81: events.LetterReplayed,
  82: events.LetterDiscarded,
  83: operations.OperationStarted,
  84: operations.OperationProgressed,
  90: replies.Reply,
} as const satisfies { readonly [number: number]: AnyRecordDef }

export type BeamlineRecord = { [K in keyof typeof RECORDS]: RecordOf<(typeof RECORDS)[K]> }[keyof typeof RECORDS]
export type RecordKind = BeamlineRecord['kind']

export type RecordOfKind<K extends RecordKind> = Extract<BeamlineRecord, { readonly kind: K }>
export type EventRecord = RecordOfKind<
  Exclude<
    RecordKind,
    | 'SubmitRun'
    | 'StepReady'
    | 'SlotReleased'
    | 'WorkerChanged'
    | 'WorkerDevice'
    | 'DescribeRoute'
    | 'ExecuteStep'
    | 'CancelStep'
    | 'AttemptFinished'
    | 'CancelRun'
    | 'DeadLetter'
    | 'PlanReplay'
    | 'ReplayDeadLetters'
    | 'DiscardDeadLetters'
    | 'AddOperationItems'
    | 'StartOperation'
    | 'StopOperation'
    | 'OperationStarted'
    | 'OperationProgressed'
    | 'FlowPublished'
    | 'TenantChanged'
    | 'SchemaChanged'
    | 'PublishFlow'
    | 'ChangeTenant'
    | 'FlowDeprecated'
    | 'DeprecateFlow'
    | 'Reply'
  >
>
