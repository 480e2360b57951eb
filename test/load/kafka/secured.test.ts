import { afterEach, expect, it } from 'vitest'
import type { KafkaClient, KafkaOptions } from '../../../connectors/kafka-client/contract.ts'
import { aclTool } from '../../../load/kafka/console-tools.ts'
import { connect, createTopic, record } from '../../connectors/kafka-client/support.ts'
import { describeWithCluster } from '../../support/kafka.ts'

const SASL = { mechanism: 'SCRAM-SHA-256', users: { alice: 'wonder' } } as const

await describeWithCluster(
  'a cluster with TLS, passwords and ACLs',
  { sasl: SASL, tls: true, acls: true },
  (cluster) => {
    const clients: KafkaClient[] = []

    const open = async (addresses: readonly string[], options: Partial<KafkaOptions> = {}): Promise<KafkaClient> => {
      const client = await connect(addresses, options)
      clients.push(client)
      return client
    }
    const asAlice = (password: string): Promise<KafkaClient> =>
      open(cluster().bootstrap, {
        tls: { ca: cluster().ca! },
        sasl: { mechanism: 'scram-sha-256', username: 'alice', password },
      })

    afterEach(async () => {
      for (const client of clients.splice(0)) await client.close()
    })

    it('lets nobody in with a wrong password', async () => {
      await expect(asAlice('wrong')).rejects.toMatchObject({ code: 'AUTHENTICATION_FAILED' })
    })

    it('allows what is granted and nothing else; its internal listener allows everything', async () => {
      const administrator = await open(cluster().internal)
      await createTopic(administrator, 'guarded', 1)
      const alice = await asAlice('wonder')
      await expect(alice.append([record('guarded', 0, 'x')])).rejects.toMatchObject({ code: 'NOT_AUTHORIZED' })
      const granted = await cluster().tool(aclTool(cluster().version), [
        ...['--bootstrap-server', cluster().internal[0]!, '--add', '--allow-principal', 'User:alice'],
        ...['--operation', 'Write', '--operation', 'Read', '--topic', 'guarded'],
      ])
      expect(granted.code).toBe(0)
      expect(await alice.append([record('guarded', 0, 'x')])).toEqual([0])
    })
  },
)
