mod decree;
mod flow_matrix;
mod tables;
mod threshold_rows;
