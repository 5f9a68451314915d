import { createHash, createHmac } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'
import type { AwsKeys } from '../aws/iam.ts'

/** For AWS's signer: how it hashes. */
class Sha256 {
  readonly #hash
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    const key = typeof secret === 'string' ? secret : secret === undefined ? null : Buffer.from(secret as Uint8Array)
    this.#hash = key === null ? createHash('sha256') : createHmac('sha256', key)
  }
  update(data: Uint8Array): void {
    this.#hash.update(data)
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest()
  }
}

/** As AWS's SDK signs for ElastiCache. */
export const awsSigner = (region: string, credentials: AwsKeys): SignatureV4 =>
  new SignatureV4({ service: 'elasticache', region, credentials, sha256: Sha256 as never })
