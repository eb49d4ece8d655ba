CREATE TABLE "identity"."gateway_leases" (
	"gateway_id" uuid PRIMARY KEY NOT NULL,
	"term" uuid NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"is_renewable" boolean NOT NULL
);
