/** The place for blobs that a process was told to use. */
import type { BlobStore } from '../../topology/blobs/port.ts'
import type { Environment } from '../../topology/environment.ts'
import { LocalFolder } from './local-folder.ts'
import type { S3Options } from './s3.ts'

export type BlobChoice =
  | { readonly kind: 'folder'; readonly folder: string }
  | { readonly kind: 's3'; readonly options: S3Options }

/** @throws {BlobStoreError} `BLOBS_UNAVAILABLE` */
export async function openBlobs(choice: BlobChoice, environment: Environment): Promise<BlobStore> {
  if (choice.kind === 'folder') return LocalFolder.open(choice.folder, environment)
  // what only some processes need is loaded by those
  const { S3Bucket } = await import('./s3.ts')
  return S3Bucket.open(choice.options, environment)
}
