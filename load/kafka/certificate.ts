import { join } from 'node:path'
import { runCommand } from './run-command.ts'

const PASSWORD = 'beamline'

export interface Certificate {
  readonly keystore: string
  readonly password: string
  /** What clients have to trust, PEM. */
  readonly ca: string
}

/** A self-signed certificate for localhost and 127.0.0.1, made by the JDK's keytool in `folder`. */
export async function makeCertificate(folder: string): Promise<Certificate> {
  const keystore = join(folder, 'keystore.p12')
  const common = ['-alias', 'kafka', '-keystore', keystore, '-storetype', 'PKCS12', '-storepass', PASSWORD]
  const subject = ['-dname', 'CN=localhost', '-ext', 'SAN=dns:localhost,ip:127.0.0.1', '-validity', '3650']
  await keytool(['-genkeypair', ...common, '-keyalg', 'EC', '-groupname', 'secp256r1', ...subject])
  const ca = await keytool(['-exportcert', '-rfc', ...common])
  return { keystore, password: PASSWORD, ca }
}

async function keytool(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand('keytool', args)
  if (code !== 0) throw new Error(`keytool ${args[0]} failed (exit code ${code}): ${stdout}${stderr}`)
  return stdout
}
