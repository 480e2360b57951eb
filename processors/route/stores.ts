/** The stores of `route`. What can be counted or ordered from their rows is a view over them, never a row of its own. */
import { defineValue } from '../../schemas/define.ts'
import type { StoreDef } from '../turn.ts'
import { LANE_ORDER } from './lane-order.ts'
import {
  type DeviceRow,
  deviceFields,
  type LaneRow,
  laneFields,
  type QueueRow,
  queueFields,
  type StickyRow,
  stickyFields,
  type TokenRow,
  tokenFields,
  type WorkerRow,
  workerFields,
} from './rows.ts'
import { SLOTS } from './slots.ts'
import { STICKY_SIZE } from './sticky-size.ts'
import { WAITING } from './waiting.ts'
import { WORKER_TABLE } from './worker-table.ts'

/** By `run/step`: one row from `StepReady` until the attempt's slot is released. */
export const QUEUE: StoreDef<QueueRow> = {
  name: 'queue',
  id: 30,
  type: defineValue('QueueRow', queueFields),
  dueAt: (row) => row.dueAtMs,
  indexes: [WAITING, SLOTS],
}

/** By tenant: the bucket of a tenant with a rate, unless it is full. */
export const TOKENS: StoreDef<TokenRow> = {
  name: 'tokens',
  id: 31,
  type: defineValue('TokenRow', tokenFields),
  dueAt: (row) => row.fullAtMs,
}

/** By `tenant/pool/key`. */
export const STICKY: StoreDef<StickyRow> = {
  name: 'sticky',
  id: 32,
  type: defineValue('StickyRow', stickyFields),
  dueAt: (row) => row.expiresAtMs,
  indexes: [STICKY_SIZE],
}

/** By `pool/partition`. */
export const WORKERS: StoreDef<WorkerRow> = {
  name: 'workers',
  id: 33,
  type: defineValue('WorkerRow', workerFields),
  indexes: [WORKER_TABLE],
}

/** By `pool/worker`, of workers that own a partition and have said what their steps run on. */
export const DEVICES: StoreDef<DeviceRow> = {
  name: 'devices',
  id: 35,
  type: defineValue('DeviceRow', deviceFields),
}

/** By `pool/tenant`: there while steps of the tenant wait for the pool. */
export const LANES: StoreDef<LaneRow> = {
  name: 'lanes',
  id: 34,
  type: defineValue('LaneRow', laneFields),
  dueAt: (row) => row.wakeAtMs,
  indexes: [LANE_ORDER],
}
