package rpc

import "context"

// Mover moves this node's database to a server.
type Mover interface {
	Migrate(ctx context.Context, req MigrateRequest) (MigrateAnswer, error)
	MigrateStatus() MigrateStatus
	CancelMigrate(ctx context.Context) (MigrateCancelAnswer, error)
}

// Doctor looks at a daemon and its surroundings.
type Doctor interface {
	Examine(ctx context.Context) []Check
}

func (s *Server) operateService() []method {
	return []method{
		newMethod("AdminService.Migrate", "Moves a single node to a database server; it refuses declarations from then on.", s.migrate, writes),
		newMethod("AdminService.MigrateStatus", "Tells how far a move to a server is.", s.migrateStatus),
		newMethod("AdminService.MigrateCancel", "Makes a node that is about to move stay on its own database.", s.migrateCancel, writes),
		newMethod("AdminService.Doctor", "Checks the daemon's database, engine, ports, clock and firewall.", s.doctor, writes),
	}
}

func (s *Server) migrate(ctx context.Context, req MigrateRequest) (MigrateAnswer, error) {
	return s.deps.Mover.Migrate(ctx, req)
}

func (s *Server) migrateStatus(context.Context, MigrateStatusRequest) (MigrateStatus, error) {
	return s.deps.Mover.MigrateStatus(), nil
}

func (s *Server) migrateCancel(ctx context.Context, _ MigrateCancelRequest) (MigrateCancelAnswer, error) {
	return s.deps.Mover.CancelMigrate(ctx)
}

func (s *Server) doctor(ctx context.Context, _ DoctorRequest) (DoctorAnswer, error) {
	return DoctorAnswer{Checks: s.deps.Doctor.Examine(ctx)}, nil
}
