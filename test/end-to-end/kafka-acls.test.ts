/** The permissions that docs/kafka.md asks for: a process that has exactly them works, and each one that is missing is named. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } from 'kafkajs'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { realEnvironment as environment } from '../../connectors/environment.ts'
import { connectKafka } from '../../connectors/kafka-client/client.ts'
import type { KafkaClient } from '../../connectors/kafka-client/contract.ts'
import { namesOf } from '../../connectors/log-kafka/names.ts'
import { manageTopics } from '../../connectors/log-kafka/topics-tool.ts'
import { createLogger } from '../../connectors/logging/logger.ts'
import { ApiClient } from '../../load/process/api-client.ts'
import { type BeamlineConfig, startBeamline } from '../../main.ts'
import { read } from '../docs/documents.ts'
import { describeWithCluster } from '../support/kafka.ts'

interface Permission {
  readonly resource: 'Topic' | 'Group' | 'TransactionalId'
  readonly operation: string
}

const PREFIX = 'beamline.'
const ROW = /^\| (Topic|Group|TransactionalId) \| `beamline\.` \| (\w+) \| /

const tables = read('docs/kafka.md')
  .split('\n\n')
  .map((block) => block.split('\n').flatMap((line) => permissionIn(line)))
  .filter((rows) => rows.length > 0)
const [toRun = [], toCreate = []] = tables
const all = [...toRun, ...toCreate]

function permissionIn(line: string): readonly Permission[] {
  const [, resource, operation] = ROW.exec(line) ?? []
  return resource === undefined ? [] : [{ resource: resource as Permission['resource'], operation: operation! }]
}

const nameOf = ({ resource, operation }: Permission): string => `${operation} on ${resource}`
/** Those to run are tried on topics that are there. */
const without = (left: Permission): readonly Permission[] =>
  (toRun.includes(left) ? toRun : all).filter((each) => each !== left)

/** Each has a prefix of its own, and what is granted to it. */
const users: Readonly<Record<string, readonly Permission[]>> = {
  creator: all,
  runner: toRun,
  ...Object.fromEntries(all.map((left, index) => [`lacking-${index}`, without(left)])),
}
const prefixOf = (user: string): string => `${user}.${PREFIX}`
const passwords = Object.fromEntries(Object.keys(users).map((user) => [user, `secret of ${user}`.replaceAll(' ', '-')]))

const RESOURCES = {
  Topic: AclResourceTypes.TOPIC,
  Group: AclResourceTypes.GROUP,
  TransactionalId: AclResourceTypes.TRANSACTIONAL_ID,
} as const
const OPERATIONS: Readonly<Record<string, AclOperationTypes>> = {
  Read: AclOperationTypes.READ,
  Write: AclOperationTypes.WRITE,
  Create: AclOperationTypes.CREATE,
  DescribeConfigs: AclOperationTypes.DESCRIBE_CONFIGS,
  AlterConfigs: AclOperationTypes.ALTER_CONFIGS,
}

/** What the broker's refusals come down to, in our words. */
const REFUSED = /is not allowed|AUTHORIZATION_FAILED/

const FLOW = `flow: two
steps:
  - { id: a, type: echo, with: "\${input.n}" }
  - { id: b, type: echo, with: "\${steps.a.output}" }
output: "\${steps.b.output}"
`

it('docs/kafka.md has a table of permissions to run, and one of those to make topics', () => {
  expect(toRun.map(nameOf)).toEqual([
    'Read on Topic',
    'Write on Topic',
    'DescribeConfigs on Topic',
    'Read on Group',
    'Write on TransactionalId',
  ])
  expect(toCreate.map(nameOf)).toEqual(['Create on Topic', 'AlterConfigs on Topic'])
})

await describeWithCluster(
  'permissions on Kafka',
  { sasl: { mechanism: 'PLAIN', users: passwords }, acls: true, heap: '256m' },
  (cluster) => {
    let administrator: KafkaClient
    let folder: string

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'beamline-acls-'))
      administrator = await connectKafka({ brokers: cluster().internal, clientId: 'administrator' }, environment)
      const acl = Object.entries(users).flatMap(([user, permissions]) =>
        permissions.map(({ resource, operation }) => ({
          resourceType: RESOURCES[resource],
          resourceName: prefixOf(user),
          resourcePatternType: ResourcePatternTypes.PREFIXED,
          principal: `User:${user}`,
          host: '*',
          operation: OPERATIONS[operation]!,
          permissionType: AclPermissionTypes.ALLOW,
        })),
      )
      await administrator.admin.createAcls({ acl })
    })
    afterAll(async () => {
      await administrator.close()
      rmSync(folder, { recursive: true, force: true })
    })

    const makeTopics = (user: string): Promise<unknown> =>
      manageTopics(
        {
          kafka: { brokers: cluster().internal, clientId: 'administrator' },
          environment,
          prefix: prefixOf(user),
          partitions: 2,
        },
        { apply: true },
      )

    const configOf = (user: string, lines: string[], createTopics: boolean): BeamlineConfig => ({
      dataFolder: join(folder, user),
      port: 0,
      partitions: 2,
      logger: createLogger({
        environment,
        level: 'warn',
        format: 'json',
        output: { write: (line) => lines.push(line) },
      }),
      log: {
        kind: 'kafka',
        options: {
          kafka: {
            brokers: cluster().bootstrap,
            clientId: user,
            sasl: { mechanism: 'plain', username: user, password: passwords[user]! },
          },
          prefix: prefixOf(user),
          createTopics,
        },
      },
    })

    const runOne = async (user: string, createTopics: boolean): Promise<{ output: unknown; lines: string }> => {
      const lines: string[] = []
      const beamline = await startBeamline(configOf(user, lines, createTopics))
      const client = new ApiClient(beamline.url!)
      try {
        await client.publish(FLOW)
        const { body } = await client.call('POST', '/api/v1/runs?wait=60s', { flow: 'two', input: { n: 7 } })
        return { output: body['output'], lines: lines.join('') }
      } finally {
        await client.close()
        await beamline.close()
      }
    }

    /** What is said before it is given up, in the log or by the failure. */
    const complaints = async (user: string, createTopics: boolean): Promise<string> => {
      const lines: string[] = []
      const ending = new AbortController()
      const { signal } = ending
      const started = startBeamline({ ...configOf(user, lines, createTopics), signal }).then(
        (beamline) => beamline.close(),
        (error: Error) => void lines.push(error.message),
      )
      const text = (): string => lines.join('\n')
      try {
        await vi.waitFor(() => expect(text()).toMatch(REFUSED), {
          timeout: 60_000,
          interval: 50,
        })
      } finally {
        ending.abort()
        await started
      }
      return text()
    }

    it('suffice to make the topics and run a flow', async () => {
      const { output, lines } = await runOne('creator', true)
      expect(output).toBe(7)
      expect(lines).not.toMatch(REFUSED)
    })

    it('are fewer where an administrator has made the topics', async () => {
      await makeTopics('runner')
      const { output, lines } = await runOne('runner', false)
      expect(output).toBe(7)
      expect(lines).not.toMatch(REFUSED)
    })

    describe.each(all.map((left, index) => ({ left, user: `lacking-${index}`, name: nameOf(left) })))(
      'without $name',
      ({ left, user }) => {
        it('say what is missing', async () => {
          if (left.operation !== 'Create') await makeTopics(user)
          if (left.operation === 'AlterConfigs') await shorten(`${prefixOf(user)}events`)
          expect(await complaints(user, toCreate.includes(left))).toMatch(expected(left, user))
        })
      },
    )

    const shorten = (name: string): Promise<unknown> =>
      administrator.admin.alterConfigs({
        validateOnly: false,
        resources: [{ type: 2, name, configEntries: [{ name: 'retention.ms', value: '60000' }] }],
      })
  },
)

/** The resource by its name, and the operation, or the Describe that it implies. */
function expected({ resource, operation }: Permission, user: string): RegExp {
  if (operation === 'DescribeConfigs') return /DescribeConfigs is not allowed/
  const { tasksGroup, transactionalId, prefix } = namesOf(prefixOf(user))
  const name = { Topic: prefix, Group: tasksGroup, TransactionalId: transactionalId(0).slice(0, -1) }[resource]
  const escaped = name.replaceAll('.', '\\.')
  return new RegExp(`${escaped}[^\\n]*AUTHORIZATION_FAILED[^\\n]*an ACL that allows (${operation}|Describe) `)
}
