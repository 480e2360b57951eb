/** What the log's parts are called on the cluster; all begin with the deployment's prefix. */
import { executeTopic, type Pool, type Topic } from '../../schemas/topics.ts'

export const DEFAULT_PREFIX = 'beamline.'

export interface Names {
  readonly prefix: string
  topic(topic: Topic): string
  /** The state of the tasks, one partition each. */
  readonly changelog: string
  /** One record that says whose the topics are. */
  readonly deployment: string
  /** Read positions of the tasks, and who runs them. */
  readonly tasksGroup: string
  poolGroup(pool: Pool): string
  transactionalId(taskId: number): string
}

const LEGAL = /^[A-Za-z0-9._-]{1,100}$/

/** @throws {RangeError} for a prefix that no topic may begin with */
export function namesOf(prefix: string = DEFAULT_PREFIX): Names {
  if (!LEGAL.test(prefix)) {
    throw new RangeError(
      `the prefix of the topics is ${JSON.stringify(prefix)}; expected 1 to 100 of letters, digits, '.', '_' and '-'`,
    )
  }
  return {
    prefix,
    topic: (topic) => `${prefix}${topic}`,
    changelog: `${prefix}changelog`,
    deployment: `${prefix}deployment`,
    tasksGroup: `${prefix}tasks`,
    poolGroup: (pool) => `${prefix}${executeTopic(pool)}`,
    transactionalId: (taskId) => `${prefix}task.${taskId}`,
  }
}
