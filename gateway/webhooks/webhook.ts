/** placeholder */
export interface Webhook {
  name: string;
}
