/** The `route` topic: gives ready steps to the workers' partitions, within every limit and in fair order. */
import { tenantShare } from '../control/tenants.ts'
import { dueHandler, handlers, type Processor } from '../turn.ts'
import { onDescribeRoute } from './describe-route.ts'
import { laneDue } from './dispatch.ts'
import { tokensDue } from './limits.ts'
import { type RouteOptions, routeSettings } from './settings.ts'
import { silenceDue } from './silence.ts'
import { onSlotReleased } from './slot-released.ts'
import { onStepReady } from './step-ready.ts'
import { DEVICES, LANES, QUEUE, STICKY, TOKENS, WORKERS } from './stores.ts'
import { onWorkerChanged, onWorkerDevice } from './workers.ts'

export type { RouteOptions } from './settings.ts'

/** @throws {RangeError} on options out of range. */
export function createRoute(options: RouteOptions = {}): Processor {
  const settings = routeSettings(options)
  return {
    topic: 'route',
    stores: [QUEUE, TOKENS, STICKY, WORKERS, DEVICES, LANES],
    handlers: handlers({
      StepReady: (turn, record) => onStepReady(settings, turn, record),
      SlotReleased: (turn, record) => onSlotReleased(settings, turn, record),
      WorkerChanged: onWorkerChanged,
      WorkerDevice: onWorkerDevice,
      DescribeRoute: onDescribeRoute,
    }),
    due: [
      silenceDue(settings),
      laneDue(settings),
      dueHandler(STICKY, (turn, key) => turn.delete(STICKY, key)),
      dueHandler(TOKENS, (turn, tenant, row) => tokensDue(turn, tenant, row, tenantShare(turn, tenant))),
    ],
  }
}
