import { createHmac } from 'node:crypto'

/**
 * The password by which the nodes of one group copy each other's data, in hexadecimal. A node tells it to whoever answers at the address of its
 * primary, in plain text where the group has no TLS: what is heard there must open no other group. `name` is that of the group
 * (`GroupSpec.replicationName`); groups that have none were made before, and share the home's own.
 */
export const replicationPassword = (ofHome: string, name: string | undefined): string =>
  name === undefined ? ofHome : createHmac('sha256', ofHome).update(`replication of ${name}`).digest('hex')
