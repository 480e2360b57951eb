import type { Scenario } from '../scenario.ts'
import { churn } from './churn.ts'
import { clock } from './clock.ts'
import { copies } from './copies.ts'
import { freeze } from './freeze.ts'
import { killBrokers, killLeader } from './kill-brokers.ts'
import { killRoles } from './kill-roles.ts'
import { lossy } from './lossy.ts'
import { quorumLost } from './quorum-lost.ts'
import { rollingBrokers } from './rolling-brokers.ts'
import { rollingProcesses } from './rolling-processes.ts'
import { snapshots } from './snapshots.ts'
import { takeover } from './takeover.ts'

export const SCENARIOS: readonly Scenario[] = [
  killRoles,
  takeover,
  freeze,
  killBrokers,
  lossy,
  rollingBrokers,
  rollingProcesses,
  quorumLost,
  churn,
  clock,
  snapshots,
  copies,
]

/** To be asked for by name only. */
export const SHORT_SCENARIOS: readonly Scenario[] = [killLeader]
