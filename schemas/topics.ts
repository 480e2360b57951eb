/** The topics of the topology, by short name. A deployment adds its prefix (`beamline.`). */

export const POOLS = ['cpu', 'io', 'gpu', 'external'] as const
export type Pool = (typeof POOLS)[number]

export type ExecuteTopic = `execute.${Pool}`
export type TaskTopic = 'control' | 'result' | 'route' | 'dlq' | 'ingest'
export type Topic = TaskTopic | ExecuteTopic | 'events' | 'replies'

/** Topics a task reads, in the order it polls them: finish what was begun before taking on more. */
export const TASK_TOPICS = ['control', 'result', 'route', 'dlq', 'ingest'] as const satisfies readonly TaskTopic[]

export const TOPICS: readonly Topic[] = [
  ...TASK_TOPICS,
  'execute.cpu',
  'execute.io',
  'execute.gpu',
  'execute.external',
  'events',
  'replies',
]

export function executeTopic(pool: Pool): ExecuteTopic {
  return `execute.${pool}`
}

export function isTopic(name: string): name is Topic {
  return (TOPICS as readonly string[]).includes(name)
}
