/** Versions and name spaces of the services that speak the query protocol beside ElastiCache. The command line needs nothing else of them. */
export const larderApiVersion = '2026-01-01'
export const larderNamespace = 'urn:larder:2026-01-01'
export const ec2Version = '2016-11-15'
export const ec2Namespace = `http://ec2.amazonaws.com/doc/${ec2Version}/`
