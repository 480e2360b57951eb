import { expect, it } from 'vitest'
import { createHealth } from '../../../connectors/kafka-client/health.ts'
import type { Environment } from '../../../topology/environment.ts'

function clocked() {
  const clock = { ms: 0 }
  const told: string[] = []
  const environment = { monotonic: () => clock.ms } as Environment
  return { clock, told, health: createHealth(environment, (message) => told.push(message), 3_000) }
}

it('is not reachable before the first answer', () => {
  const { health } = clocked()
  expect(health.state()).toEqual({ reachable: false, reason: 'no broker has answered yet' })
  health.failed('cluster', 'refused')
  expect(health.state()).toEqual({ reachable: false, reason: 'refused' })
  health.succeeded('cluster')
  expect(health.state()).toEqual({ reachable: true, reason: null })
})

it('bears with trouble for a while, and with one kind while another succeeds', () => {
  const { clock, health } = clocked()
  health.succeeded('cluster')
  health.failed('append', 'not enough replicas')
  clock.ms = 2_999
  health.succeeded('cluster')
  expect(health.state().reachable).toBe(true)
  clock.ms = 3_000
  health.failed('append', 'still not enough')
  expect(health.state()).toEqual({ reachable: false, reason: 'still not enough' })
  health.succeeded('append')
  expect(health.state()).toEqual({ reachable: true, reason: null })
})

it('tells of each kind once a second at most', () => {
  const { clock, told, health } = clocked()
  for (clock.ms = 0; clock.ms < 2_000; clock.ms += 100) {
    health.failed('append', `a${clock.ms}`)
    health.failed('transaction', `t${clock.ms}`)
  }
  expect(told).toEqual(['a0', 't0', 'a1000', 't1000'])
})

it('holds nothing against the cluster that has not come again for half a minute, or is only noticed', () => {
  const { clock, told, health } = clocked()
  health.succeeded('cluster')
  health.noticed('append', 'no such topic')
  health.failed('transaction', 'moved')
  clock.ms = 10_000
  health.failed('transaction', 'moved')
  expect(health.state()).toEqual({ reachable: false, reason: 'moved' })
  clock.ms = 40_000
  expect(health.state().reachable).toBe(true)
  health.failed('transaction', 'moved again')
  expect(health.state().reachable).toBe(true)
  expect(told).toEqual(['no such topic', 'moved', 'moved', 'moved again'])
})
