import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } from 'kafkajs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { KafkaClient, SaslOptions } from '../../../connectors/kafka-client/contract.ts'
import { describeWithCluster } from '../../support/kafka.ts'
import { committedValues, connect, createTopic, record } from './support.ts'

const users = { beam: 'line', other: 'secret' }

const MECHANISMS = [
  ['PLAIN', 'plain'],
  ['SCRAM-SHA-256', 'scram-sha-256'],
] as const

for (const [mechanism, ours] of MECHANISMS) {
  await describeWithCluster(`SASL ${mechanism}`, { sasl: { mechanism, users }, heap: '256m' }, (cluster) => {
    it('takes the right password and refuses a wrong one', async () => {
      const sasl: SaslOptions = { mechanism: ours, username: 'beam', password: 'line' }
      const client = await connect(cluster().bootstrap, { sasl })
      await createTopic(client, 'some', 1)
      expect(await client.append([record('some', 0, 'x')])).toEqual([0])
      await client.close()
      await expect(connect(cluster().bootstrap, { sasl: { ...sasl, password: 'wrong' } })).rejects.toMatchObject({
        code: 'AUTHENTICATION_FAILED',
        message: expect.stringContaining(cluster().bootstrap[0]!),
      })
    })
  })
}

await describeWithCluster(
  'TLS, SASL SCRAM-SHA-512 and ACLs',
  { sasl: { mechanism: 'SCRAM-SHA-512', users }, tls: true, acls: true, heap: '256m' },
  (cluster) => {
    let admin: KafkaClient
    const login = (username: keyof typeof users): Promise<KafkaClient> =>
      connect(cluster().bootstrap, {
        tls: { ca: cluster().ca! },
        sasl: { mechanism: 'scram-sha-512', username, password: users[username] },
      })

    beforeAll(async () => {
      admin = await connect(cluster().internal)
      await createTopic(admin, 'orders', 1)
      const grants = [
        [AclResourceTypes.TOPIC, 'orders'],
        [AclResourceTypes.GROUP, 'tasks'],
        [AclResourceTypes.TRANSACTIONAL_ID, 'task-0'],
      ] as const
      await admin.admin.createAcls({
        acl: grants.map(([resourceType, resourceName]) => ({
          resourceType,
          resourceName,
          resourcePatternType: ResourcePatternTypes.LITERAL,
          principal: 'User:beam',
          host: '*',
          operation: AclOperationTypes.ALL,
          permissionType: AclPermissionTypes.ALLOW,
        })),
      })
    })
    afterAll(() => admin.close())

    it('lets one do what is granted', async () => {
      const client = await login('beam')
      await expect.poll(() => client.append([record('orders', 0, 'a')]).catch(() => null)).not.toBeNull()
      const producer = await client.openTransactions('task-0', 10_000)
      const offset = { topic: 'orders', partition: 0, offset: 1 }
      await producer.commit({ records: [record('orders', 0, 'b')], groupId: 'tasks', offsets: [offset] })
      expect((await client.committedOffsets('tasks', [offset])).size).toBe(1)
      // the end of a transaction is written a moment after the commit was answered
      const lastTwo = async () => (await committedValues(client, 'orders', 0)).slice(-2)
      await expect.poll(lastTwo).toEqual(['a', 'b'])
      await producer.close()
      await client.close()
    })

    it('names the resource and the operation that are not granted', async () => {
      const client = await login('other')
      const denied = (resource: string, operation: string) => ({
        code: 'NOT_AUTHORIZED',
        message: expect.stringMatching(new RegExp(`${resource}.*needed is an ACL that allows ${operation}`)),
      })
      const place = { topic: 'orders', partition: 0 }
      await expect(client.append([record('orders', 0, 'x')])).rejects.toMatchObject(denied('topic orders', 'Describe'))
      await expect(client.listOffsets([place], 'end')).rejects.toMatchObject(denied('topic orders', 'Describe'))
      await expect(client.openTransactions('task-0', 9_000)).rejects.toMatchObject(
        denied('transactional id task-0', 'Describe'),
      )
      await expect(client.committedOffsets('tasks', [place])).rejects.toMatchObject(denied('group tasks', 'Describe'))
      await client.close()
    })

    it('names them in a transaction too', async () => {
      await createTopic(admin, 'secret', 1)
      const client = await login('beam')
      const open = () => client.openTransactions('task-0', 10_000)
      const offsets = [{ topic: 'orders', partition: 0, offset: 2 }]
      const topicDenied = await open()
      await expect(
        topicDenied.commit({ records: [record('secret', 0, 'x')], groupId: 'tasks', offsets }),
      ).rejects.toMatchObject({ code: 'NOT_AUTHORIZED', message: expect.stringMatching(/secret\/0.*Write/) })
      await topicDenied.close()
      const groupDenied = await open()
      await expect(
        groupDenied.commit({ records: [record('orders', 0, 'x')], groupId: 'strangers', offsets }),
      ).rejects.toMatchObject({
        code: 'NOT_AUTHORIZED',
        message: expect.stringMatching(/group strangers.*Read on the group/),
      })
      await groupDenied.close()
      await client.close()
    })

    it('does not trust a certificate that is not given', async () => {
      const client = await connect(cluster().bootstrap, {
        tls: true,
        sasl: { mechanism: 'scram-sha-512', username: 'beam', password: 'line' },
      })
      expect(client.health()).toMatchObject({ reachable: false, reason: expect.stringMatching(/certificate/) })
      await client.close()
    })
  },
)
